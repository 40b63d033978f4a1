/** The demo catalogue: what a new shop shows until its merchant puts in their own. */

export const CATEGORIES = ["Clothing", "Accessories", "Kitchen", "Living"] as const

export type DemoProduct = {
  title: string
  handle: string
  category: (typeof CATEGORIES)[number]
  subtitle: string
  description: string
  /** The one option every variant differs in. */
  option: { title: string; values: string[] }
  /** Major units: 49 is 49.00. */
  price: { eur: number; usd: number }
  weight: number
  stock: number
}

export const PRODUCTS: DemoProduct[] = [
  {
    title: "Harbour Linen Shirt",
    handle: "harbour-linen-shirt",
    category: "Clothing",
    subtitle: "Washed linen, easy fit",
    description:
      "A shirt for warm evenings. The linen is washed before it is cut, so it is soft from the first day and needs no iron to look right.",
    option: { title: "Size", values: ["S", "M", "L", "XL"] },
    price: { eur: 69, usd: 75 },
    weight: 240,
    stock: 40,
  },
  {
    title: "Fjord Wool Jumper",
    handle: "fjord-wool-jumper",
    category: "Clothing",
    subtitle: "Undyed wool, knitted in one piece",
    description:
      "Thick, warm and without a side seam. The wool keeps its natural grey and the cuffs are long enough to fold once.",
    option: { title: "Size", values: ["S", "M", "L"] },
    price: { eur: 119, usd: 129 },
    weight: 620,
    stock: 25,
  },
  {
    title: "Orchard Beanie",
    handle: "orchard-beanie",
    category: "Accessories",
    subtitle: "Ribbed merino",
    description: "A close-fitting beanie of fine merino that doesn't itch, packs flat and survives the washing machine.",
    option: { title: "Colour", values: ["Moss", "Rust"] },
    price: { eur: 29, usd: 32 },
    weight: 80,
    stock: 80,
  },
  {
    title: "Market Tote",
    handle: "market-tote",
    category: "Accessories",
    subtitle: "Heavy canvas, long handles",
    description:
      "Holds a week's vegetables and stands up by itself while you fill it. Double-stitched base, one inner pocket for the keys.",
    option: { title: "Colour", values: ["Natural", "Ink"] },
    price: { eur: 24, usd: 26 },
    weight: 310,
    stock: 120,
  },
  {
    title: "Stoneware Mug",
    handle: "stoneware-mug",
    category: "Kitchen",
    subtitle: "300 ml, reactive glaze",
    description: "Thrown in small batches, so no two glazes are quite alike. Safe in the dishwasher and in the microwave.",
    option: { title: "Glaze", values: ["Sand", "Sea"] },
    price: { eur: 18, usd: 20 },
    weight: 380,
    stock: 90,
  },
  {
    title: "Oak Serving Board",
    handle: "oak-serving-board",
    category: "Kitchen",
    subtitle: "One plank, oiled",
    description: "Cut from a single plank of oak, with a handle made for a whole hand. For bread, for cheese, for the middle of the table.",
    option: { title: "Length", values: ["35 cm", "50 cm"] },
    price: { eur: 39, usd: 42 },
    weight: 900,
    stock: 35,
  },
  {
    title: "Beeswax Candle",
    handle: "beeswax-candle",
    category: "Living",
    subtitle: "Burns for forty hours",
    description: "Pure beeswax in a reusable tumbler of recycled glass. No perfume: it smells of honey and a little of smoke.",
    option: { title: "Size", values: ["Single", "Set of three"] },
    price: { eur: 22, usd: 24 },
    weight: 420,
    stock: 60,
  },
  {
    title: "Meadow Cushion",
    handle: "meadow-cushion",
    category: "Living",
    subtitle: "Linen cover, feather filling",
    description: "A generous cushion with a printed meadow on the front and plain linen on the back. The cover comes off for the wash.",
    option: { title: "Size", values: ["45 x 45 cm", "60 x 40 cm"] },
    price: { eur: 45, usd: 49 },
    weight: 650,
    stock: 50,
  },
]
