// Says the value of a chart's point where one points at it. What it says is in the chart already.
"use strict";
const NEAR = 26;  // units of a drawing, 72 an inch
const SVG = "http://www.w3.org/2000/svg";

for (const svg of document.querySelectorAll("svg[data-points]")) {
  const points = JSON.parse(svg.dataset.points);
  const figure = svg.closest("figure");
  const mark = document.createElementNS(SVG, "circle");
  mark.setAttribute("r", 4);
  mark.setAttribute("class", "mark");
  const words = document.createElement("div");
  words.className = "value";
  words.hidden = true;
  figure.append(words);

  function show(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let nearest = null, least = NEAR;
    for (const point of points) {
      const far = Math.hypot(point[0] - at.x, point[1] - at.y);
      if (far < least) [nearest, least] = [point, far];
    }
    if (!nearest) return hide();
    const [x, y, said] = nearest;
    mark.setAttribute("cx", x);
    mark.setAttribute("cy", y);
    svg.append(mark);
    words.textContent = said;
    words.hidden = false;
    const scale = svg.getScreenCTM(), frame = figure.getBoundingClientRect();
    const left = x * scale.a + scale.e - frame.left, top = y * scale.d + scale.f - frame.top;
    words.style.left = `${Math.max(0, Math.min(left + 10, frame.width - words.offsetWidth - 4))}px`;
    words.style.top = `${Math.max(0, top - words.offsetHeight - 10)}px`;
  }

  function hide() {
    words.hidden = true;
    mark.remove();
  }

  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}
