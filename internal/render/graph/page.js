"use strict";
(() => {
  const svg = document.getElementById("picture");
  const aside = document.querySelector("aside");
  const search = document.querySelector("input");
  const count = document.getElementById("count");
  const nodes = [...svg.querySelectorAll("[data-node]")];
  const objects = nodes.filter((n) => !("proxy" in n.dataset));
  const edges = [...svg.querySelectorAll("[data-from]")];
  const full = svg.viewBox.baseVal;
  const whole = { x: full.x, y: full.y, w: full.width, h: full.height };
  let view = { ...whole };
  let chosen = null;

  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const at = (e) => {
    const m = svg.getScreenCTM().inverse();
    return { x: e.clientX * m.a + m.e, y: e.clientY * m.d + m.f };
  };
  const zoom = (factor, p) => {
    const f = Math.min(Math.max(factor, 40 / view.w), (4 * whole.w) / view.w);
    view = { x: p.x - (p.x - view.x) * f, y: p.y - (p.y - view.y) * f, w: view.w * f, h: view.h * f };
    show();
  };
  const middle = () => ({ x: view.x + view.w / 2, y: view.y + view.h / 2 });
  const fit = () => { view = { ...whole }; show(); };

  svg.addEventListener("wheel", (e) => { e.preventDefault(); zoom(Math.exp(e.deltaY * 0.0015), at(e)); }, { passive: false });
  let drag = null;
  svg.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, y: e.clientY, view: { ...view }, moved: false }; });
  addEventListener("pointermove", (e) => {
    if (!drag) return;
    const scale = svg.getScreenCTM().inverse().a;
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) { drag.moved = true; svg.classList.add("moving"); }
    view = { ...drag.view, x: drag.view.x - dx * scale, y: drag.view.y - dy * scale };
    show();
  });
  addEventListener("pointerup", () => { svg.classList.remove("moving"); const moved = drag && drag.moved; drag = null; if (moved) chosenStays = true; });
  let chosenStays = false;

  // Everything that messages from or to the node go through, in both directions. Where they are lost, their way ends.
  const around = (id) => {
    const near = new Set([id]), lines = new Set();
    for (const [a, b] of [["from", "to"], ["to", "from"]]) {
      const todo = [id], seen = new Set([id]);
      while (todo.length) {
        const n = todo.pop();
        for (const e of edges) {
          if (e.dataset[a] !== n) continue;
          const lost = e.classList.contains("problem");
          if (lost && a === "to" && n !== id) continue;
          lines.add(e);
          near.add(e.dataset[b]);
          if (!seen.has(e.dataset[b]) && !(lost && a === "from")) { seen.add(e.dataset[b]); todo.push(e.dataset[b]); }
        }
      }
    }
    return { near, lines };
  };
  const tell = (g) => {
    aside.replaceChildren();
    const lines = g.querySelector("title").textContent.split("\n");
    lines.forEach((text, i) => {
      const line = document.createElement(i ? "div" : "b");
      line.textContent = text;
      if (text.startsWith("! ")) line.className = "problem";
      aside.append(line);
    });
  };
  const focus = (g) => {
    const a = around(g.dataset.node);
    svg.classList.add("focused");
    nodes.forEach((n) => n.classList.toggle("near", a.near.has(n.dataset.node)));
    edges.forEach((e) => e.classList.toggle("near", a.lines.has(e)));
    tell(g);
  };
  const blur = () => {
    if (chosen) return focus(chosen);
    svg.classList.remove("focused");
    [...nodes, ...edges].forEach((n) => n.classList.remove("near"));
    aside.replaceChildren();
  };
  const choose = (g) => {
    if (chosen) chosen.classList.remove("chosen");
    chosen = chosen === g ? null : g;
    if (chosen) chosen.classList.add("chosen");
    blur();
  };
  nodes.forEach((g) => {
    g.addEventListener("pointerenter", () => focus(g));
    g.addEventListener("pointerleave", blur);
    g.addEventListener("focus", () => focus(g));
    g.addEventListener("blur", blur);
    g.addEventListener("keydown", (e) => { if (e.key === "Enter") choose(g); });
    g.addEventListener("click", (e) => { e.stopPropagation(); if (!chosenStays) choose(g); chosenStays = false; });
  });
  edges.forEach((e) => {
    e.addEventListener("pointerenter", () => tell(e));
    e.addEventListener("pointerleave", blur);
  });
  svg.addEventListener("click", () => { if (chosen && !chosenStays) choose(chosen); chosenStays = false; });

  const look = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && chosen) choose(chosen);
    svg.classList.toggle("searching", words.length > 0);
    let found = [];
    objects.forEach((n) => {
      const text = n.querySelector("title").textContent.toLowerCase();
      const hit = words.length > 0 && words.every((w) => text.includes(w));
      n.classList.toggle("found", hit);
      if (hit) found.push(n);
    });
    count.textContent = words.length ? `${found.length} of ${objects.length}` : `${objects.length} objects`;
    return found;
  };
  search.addEventListener("input", look);
  search.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { search.value = ""; look(); fit(); }
    if (e.key !== "Enter") return;
    const found = look();
    if (!found.length) return;
    const b = found.map((n) => n.getBBox());
    const x = Math.min(...b.map((r) => r.x)), y = Math.min(...b.map((r) => r.y));
    const w = Math.max(...b.map((r) => r.x + r.width)) - x, h = Math.max(...b.map((r) => r.y + r.height)) - y;
    view = { x: x - 200, y: y - 150, w: w + 400, h: h + 300 };
    show();
  });
  addEventListener("keydown", (e) => {
    if (e.target === search) return;
    if (e.key === "/") { e.preventDefault(); search.focus(); }
    if (e.key === "0") fit();
    if (e.key === "+") zoom(0.8, middle());
    if (e.key === "-") zoom(1.25, middle());
    if (e.key === "Escape" && chosen) choose(chosen);
  });
  document.getElementById("in").addEventListener("click", () => zoom(0.8, middle()));
  document.getElementById("out").addEventListener("click", () => zoom(1.25, middle()));
  document.getElementById("fit").addEventListener("click", fit);
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  look();
})();
