// What the pictures found have in common, with counts. Everything that comes from the library is set as text, never as
// markup. A choice is sent to the page script as {kind: "only" | "without", field, value}.

export default function render({ data, parentElement, setTriggerValue }) {
  let panel = parentElement.querySelector(".facets");
  if (!panel) {
    panel = element("div", "facets");
    parentElement.append(panel);
  }
  const face = JSON.stringify(data);
  if (panel.dataset.face === face) return;
  panel.dataset.face = face;
  const send = (kind, field, value) => setTriggerValue("act", { kind, field, value });
  panel.replaceChildren(...data.facets.map((facet) => group(facet, send)));
}

function group(facet, send) {
  const section = element("section");
  const list = element("ul");
  list.setAttribute("aria-label", facet.label);
  for (const row of facet.values) {
    const only = element("button", "only");
    only.type = "button";
    only.title = row.chosen ? "Drop this filter" : "Only these";
    only.setAttribute("aria-pressed", String(row.chosen));
    const name = element("span", "name", row.shown);
    name.dir = "auto";
    only.append(name, element("span", "count", row.count.toLocaleString("en")));
    only.addEventListener("click", () => send("only", facet.field, row.value));
    const without = element("button", "without", "−");
    without.type = "button";
    without.title = "All but these";
    without.setAttribute("aria-label", `Without ${row.shown}`);
    without.addEventListener("click", () => send("without", facet.field, row.value));
    const item = element("li");
    item.append(only, without);
    list.append(item);
  }
  section.append(element("h3", "", facet.label), list);
  return section;
}

function element(tag, kind, text) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
}
