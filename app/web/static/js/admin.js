// Lines over time, drawn by uPlot from what the page carries. Without this script the page's tables say the same.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);
  const charts = new Map();

  const draw = (place) => {
    charts.get(place)?.destroy();
    const { x, lines } = JSON.parse(place.dataset.chart);
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const height = 220;
    const chart = new uPlot({
      width: place.clientWidth || 600,
      height,
      cursor: { y: false, points: { size: 6 } },
      legend: { live: true },
      scales: { y: { range: (_chart, _low, high) => [0, Math.max(4, high * 1.1)] } },
      axes: [
        { ...axis, values: (_chart, ticks) => ticks.map(clock), space: 60 },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
      ],
      series: [
        { label: "Hour", value: (_chart, seconds) => (seconds === null ? "–" : clock(seconds)) },
        ...lines.map((line) => ({ label: line.label, stroke: colour(line.tone), width: 2, fill: `${colour(line.tone)}1a`, points: { show: false } })),
      ],
    }, [x, ...lines.map((line) => line.values)], place);
    charts.set(place, chart);
  };
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver((seen) => seen.forEach(({ target }) => {
    const chart = charts.get(target);
    if (chart && chart.width !== target.clientWidth && target.clientWidth) chart.setSize({ width: target.clientWidth, height: 220 });
  })).observe(document.querySelector("[data-chart]") ?? document.body);
})();
