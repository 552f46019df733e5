const specs = JSON.parse(document.getElementById("specs").textContent);
const options = { actions: false, ast: true, mode: "vega-lite", renderer: "svg", tooltip: { theme: "page" } };

const drawn = Object.entries(specs).map(([id, spec]) => window.vegaEmbed("#" + id, spec, options));
const ends = await Promise.allSettled(drawn);

ends.forEach((end, n) => {
  if (end.status === "rejected") {
    console.error(end.reason);
    document.getElementById(Object.keys(specs)[n]).textContent = "This chart could not be drawn.";
  }
});
document.documentElement.dataset.drawn = ends.filter((end) => end.status === "fulfilled").length;
