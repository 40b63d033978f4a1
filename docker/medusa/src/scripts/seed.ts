/**
 * Fills a freshly migrated database with the demo shop, from which the image's SQL template is made.
 * Starting Medusa has already made a store, a sales channel and a publishable key; they are used, not doubled.
 */
import {
  createInventoryLevelsWorkflow,
  createProductCategoriesWorkflow,
  createProductsWorkflow,
  createRegionsWorkflow,
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  createTaxRegionsWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
  updateStoresWorkflow,
} from "@medusajs/medusa/core-flows"
import type { ExecArgs, MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, ProductStatus } from "@medusajs/framework/utils"

import { CATEGORIES, PRODUCTS, type DemoProduct } from "./catalogue"

const EUROPE = ["de", "at", "be", "dk", "es", "fi", "fr", "ie", "it", "lu", "nl", "pt", "se"]
const USA = ["us"]
const DELIVERIES = [
  { name: "Standard delivery", code: "standard", description: "Three to five working days", eur: 5, usd: 6 },
  { name: "Express delivery", code: "express", description: "The next working day", eur: 12, usd: 15 },
]

export default async function seed({ container }: ExecArgs): Promise<void> {
  const [channel] = await container.resolve(Modules.SALES_CHANNEL).listSalesChannels({}, { take: 1 })
  await container.resolve(Modules.SALES_CHANNEL).updateSalesChannels(channel.id, {
    name: "Online shop",
    description: "The shop's own web site",
  })
  const regions = await createRegions(container)
  const location = await createLocation(container, channel.id)
  await updateStore(container, { channel: channel.id, region: regions.europe, location })
  const profile = await createShipping(container, { location, regions })
  await createProducts(container, { channel: channel.id, profile })
  await createStock(container, location)
}

async function createRegions(container: MedusaContainer): Promise<{ europe: string; usa: string }> {
  const payment_providers = ["pp_system_default"]
  const { result } = await createRegionsWorkflow(container).run({
    input: {
      regions: [
        { name: "Europe", currency_code: "eur", countries: EUROPE, payment_providers, is_tax_inclusive: true },
        { name: "United States", currency_code: "usd", countries: USA, payment_providers },
      ],
    },
  })
  await createTaxRegionsWorkflow(container).run({
    input: [...EUROPE, ...USA].map((country_code) => ({ country_code, provider_id: "tp_system" })),
  })
  return { europe: result[0].id, usa: result[1].id }
}

async function createLocation(container: MedusaContainer, channel: string): Promise<string> {
  const { result } = await createStockLocationsWorkflow(container).run({
    input: { locations: [{ name: "Warehouse", address: { city: "Hamburg", country_code: "DE", address_1: "" } }] },
  })
  const location = result[0].id
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
  })
  await linkSalesChannelsToStockLocationWorkflow(container).run({ input: { id: location, add: [channel] } })
  return location
}

async function updateStore(
  container: MedusaContainer,
  defaults: { channel: string; region: string; location: string }
): Promise<void> {
  await updateStoresWorkflow(container).run({
    input: {
      selector: {},
      update: {
        supported_currencies: [{ currency_code: "eur", is_default: true }, { currency_code: "usd" }],
        default_sales_channel_id: defaults.channel,
        default_region_id: defaults.region,
        default_location_id: defaults.location,
      },
    },
  })
}

async function createShipping(
  container: MedusaContainer,
  { location, regions }: { location: string; regions: { europe: string; usa: string } }
): Promise<string> {
  const { result: profiles } = await createShippingProfilesWorkflow(container).run({
    input: { data: [{ name: "Parcels", type: "default" }] },
  })
  const zone = (name: string, countries: string[]) => ({
    name,
    geo_zones: countries.map((country_code) => ({ country_code, type: "country" as const })),
  })
  const set = await container.resolve(Modules.FULFILLMENT).createFulfillmentSets({
    name: "Delivery",
    type: "shipping",
    service_zones: [zone("Europe", EUROPE), zone("United States", USA)],
  })
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  })
  await createShippingOptionsWorkflow(container).run({
    input: set.service_zones.flatMap((serviceZone) =>
      DELIVERIES.map(({ name, code, description, eur, usd }) => ({
        name,
        price_type: "flat" as const,
        provider_id: "manual_manual",
        service_zone_id: serviceZone.id,
        shipping_profile_id: profiles[0].id,
        type: { label: name, description, code },
        prices: [
          { currency_code: "eur", amount: eur },
          { currency_code: "usd", amount: usd },
          { region_id: regions.europe, amount: eur },
          { region_id: regions.usa, amount: usd },
        ],
        rules: [
          { attribute: "enabled_in_store", value: "true", operator: "eq" as const },
          { attribute: "is_return", value: "false", operator: "eq" as const },
        ],
      }))
    ),
  })
  return profiles[0].id
}

async function createProducts(
  container: MedusaContainer,
  { channel, profile }: { channel: string; profile: string }
): Promise<void> {
  const { result: categories } = await createProductCategoriesWorkflow(container).run({
    input: { product_categories: CATEGORIES.map((name) => ({ name, is_active: true })) },
  })
  const categoryId = new Map(categories.map(({ name, id }) => [name, id]))
  const picture = (product: DemoProduct) => `/static/demo/${product.handle}.svg`
  await createProductsWorkflow(container).run({
    input: {
      products: PRODUCTS.map((product) => ({
        title: product.title,
        subtitle: product.subtitle,
        handle: product.handle,
        description: product.description,
        status: ProductStatus.PUBLISHED,
        weight: product.weight,
        // without a host: the shop may be reached by another one tomorrow
        thumbnail: picture(product),
        images: [{ url: picture(product) }],
        category_ids: [categoryId.get(product.category)!],
        shipping_profile_id: profile,
        sales_channels: [{ id: channel }],
        options: [product.option],
        variants: product.option.values.map((value) => ({
          title: value,
          sku: `${product.handle}-${value}`.toUpperCase().replace(/[^A-Z0-9]+/g, "-"),
          options: { [product.option.title]: value },
          prices: [
            { currency_code: "eur", amount: product.price.eur },
            { currency_code: "usd", amount: product.price.usd },
          ],
        })),
      })),
    },
  })
}

async function createStock(container: MedusaContainer, location: string): Promise<void> {
  const items = await container.resolve(Modules.INVENTORY).listInventoryItems({}, { take: 1000 })
  const stock = (sku: string | null | undefined) =>
    PRODUCTS.find(({ handle }) => sku?.startsWith(handle.toUpperCase()))?.stock ?? 0
  await createInventoryLevelsWorkflow(container).run({
    input: {
      inventory_levels: items.map(({ id, sku }) => ({
        location_id: location,
        inventory_item_id: id,
        stocked_quantity: stock(sku),
      })),
    },
  })
}
