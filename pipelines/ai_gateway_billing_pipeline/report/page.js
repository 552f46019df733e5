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

// A sheet of paper is narrower than a screen: drawn anew, its texts keep their size.
const views = ends.filter((end) => end.status === "fulfilled").map((end) => end.value.view);
const isWide = (view) => getComputedStyle(view.container().closest("section")).gridColumnEnd === "-1";
addEventListener("beforeprint", () => views.forEach((view) => view.width(isWide(view) ? 680 : 330).run()));
addEventListener("afterprint", () => dispatchEvent(new Event("resize")));
document.documentElement.dataset.drawn = views.length;
