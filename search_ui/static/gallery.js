// The grid of found pictures and the large view of one. Everything that comes from the library is set as text, never as
// markup. What a person does is sent to the page script as {kind, …, turn}; the script answers with new data and the
// last turn it has seen, so that an answer on its way cannot undo what was done since.

const memory = new WeakMap();

export default function render({ data, parentElement, setTriggerValue }) {
  let gallery = memory.get(parentElement);
  if (!gallery) {
    gallery = build(parentElement);
    memory.set(parentElement, gallery);
  }
  gallery.send = (kind, values) => setTriggerValue("act", { kind, turn: ++gallery.turn, ...values });
  gallery.update(data);
  return gallery.end;
}

function build(root) {
  const gallery = { turn: 0, items: [], cards: new Map(), open: null, data: {} };
  const grid = element("ul", "grid");
  grid.setAttribute("aria-label", "Pictures found");
  const foot = element("div", "foot");
  const viewer = buildViewer(gallery);
  root.append(grid, foot, viewer.dialog);

  const navigated = () => { gallery.navigated = true; };
  window.addEventListener("popstate", navigated);
  document.addEventListener("dragenter", offerDropZone);
  gallery.end = () => {
    window.removeEventListener("popstate", navigated);
    document.removeEventListener("dragenter", offerDropZone);
    memory.delete(root);
  };

  gallery.find = (id) =>
    gallery.items.find((item) => item.id === id) ?? (gallery.data.detail?.id === id ? gallery.data.detail : null);

  gallery.show = (id) => {
    gallery.open = id;
    const item = id && gallery.find(id);
    if (item) viewer.show(item);
    else viewer.hide();
  };

  gallery.view = (id) => {
    gallery.show(id);
    gallery.send("view", { id });
  };

  gallery.update = (data) => {
    if (gallery.data.question !== undefined && gallery.data.question !== data.question) toTop();
    gallery.data = data;
    gallery.items = data.items;
    fill(gallery, grid, data.items);
    fillFoot(gallery, foot, data);
    const answered = data.turn >= gallery.turn || gallery.navigated;
    if (gallery.turn === 0) gallery.turn = data.turn;
    if (answered) {
      gallery.navigated = false;
      if (data.view !== gallery.open || data.view) gallery.show(data.view);
    }
  };
  return gallery;
}

// Another question is read from its best answer on.
function toTop() {
  document.querySelector("[data-testid='stMain']")?.scrollTo({ top: 0 });
}

// Cards that stay are left alone, so that focus, scroll position and loaded pictures stay too.
function fill(gallery, grid, items) {
  const wanted = items.map((item) => {
    const face = JSON.stringify(item);
    const known = gallery.cards.get(item.id);
    if (known?.face === face) return known;
    return { face, node: card(gallery, item), id: item.id };
  });
  gallery.cards = new Map(wanted.map((entry) => [entry.id, entry]));
  const nodes = wanted.map((entry) => entry.node);
  const kept = [...grid.children].every((child, n) => child === nodes[n]);
  if (kept) grid.append(...nodes.slice(grid.children.length));
  else grid.replaceChildren(...nodes);
}

function fillFoot(gallery, foot, data) {
  const signature = `${data.left}/${data.items.length}`;
  if (foot.dataset.signature === signature) return;
  foot.dataset.signature = signature;
  if (data.left > 0) {
    const more = element("button", "more", `Show more`);
    more.type = "button";
    more.append(element("span", "left", `${data.left.toLocaleString("en")} left`));
    more.addEventListener("click", () => {
      more.disabled = true;
      gallery.send("more", {});
    });
    foot.replaceChildren(more);
  } else foot.replaceChildren();
}

function card(gallery, item) {
  const node = element("li", "card");
  node.dataset.id = item.id;
  const ratio = shape(item);
  node.style.setProperty("--ratio", ratio.toFixed(3));

  const open = element("button", "open");
  open.type = "button";
  open.setAttribute("aria-label", `Open ${title(item)}`);
  const picture = element("img");
  picture.src = item.thumbnail;
  picture.alt = item.caption || item.name;
  picture.loading = "lazy";
  picture.decoding = "async";
  picture.draggable = false;
  picture.addEventListener("error", () => open.classList.add("missing"));
  open.append(picture);
  open.addEventListener("click", () => gallery.view(item.id));

  const like = iconButton("like", "More like this", LIKE);
  like.setAttribute("aria-label", `More like ${title(item)}`);
  like.addEventListener("click", () => gallery.send("like", { id: item.id }));

  const text = element("div", "text");
  const caption = element("p", item.caption ? "caption" : "caption none", item.caption || item.name);
  caption.title = item.caption || item.name;
  caption.dir = "auto";
  text.append(caption);
  if (item.read) {
    const read = element("p", "read", item.read);
    read.title = `Written in the picture: ${item.read}`;
    read.dir = "auto";
    text.append(read);
  }
  if (item.strength !== null) {
    const strength = element("span", "strength");
    strength.style.setProperty("--strength", item.strength);
    strength.setAttribute("role", "img");
    strength.setAttribute("aria-label", `strength ${item.strength.toFixed(2)}`);
    strength.title = `Strength ${item.strength.toFixed(2)}: how well it matches, from 0 to 1. It is no percentage.`;
    text.append(strength);
  }
  if (item.score !== null) {
    const score = element("span", "score", item.score.toFixed(3));
    score.title = "Cosine of question and picture, from -1 to 1. It is no percentage.";
    text.append(score);
  }
  if (item.copies > 1) {
    const copies = element("button", "copies", `${item.copies.toLocaleString("en")} copies`);
    copies.type = "button";
    copies.title = "Files of the same bytes: show them all";
    copies.addEventListener("click", () => gallery.send("copies", { hash: item.hash }));
    text.append(copies);
  }
  node.append(open, like, text);
  if (item.badges.length) {
    const badges = element("div", "badges");
    for (const badge of item.badges) {
      const mark = element("span", "badge", badge.text);
      mark.title = badge.title;
      mark.setAttribute("role", "note");
      mark.setAttribute("aria-label", badge.title);
      badges.append(mark);
    }
    node.append(badges);
  }
  return node;
}

function buildViewer(gallery) {
  const dialog = element("dialog", "viewer");
  dialog.setAttribute("aria-label", "Picture");
  const stage = element("div", "stage");
  const picture = element("img");
  const marks = svg("svg", { class: "marks", "aria-hidden": "true" });
  const before = iconButton("before", "Previous picture", "M15 5l-7 7 7 7");
  const after = iconButton("after", "Next picture", "M9 5l7 7-7 7");
  const close = iconButton("close", "Close", "M6 6l12 12M18 6L6 18");
  const side = element("div", "side");
  const lacking = element("p", "lacking");
  lacking.setAttribute("role", "status");
  stage.append(picture, marks, lacking, before, after);
  dialog.append(stage, side, close);

  const step = (by) => {
    const at = gallery.items.findIndex((item) => item.id === gallery.open);
    const next = gallery.items[at + by];
    if (at >= 0 && next) gallery.view(next.id);
  };
  before.addEventListener("click", () => step(-1));
  after.addEventListener("click", () => step(1));
  close.addEventListener("click", () => gallery.view(null));
  dialog.addEventListener("close", () => {
    if (gallery.open) gallery.view(null); // by Escape, or a phone's way back
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) gallery.view(null);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    event.stopPropagation(); // the page has shortcuts of its own
  });

  let shown = "";
  let written = null;
  picture.addEventListener("load", () => drawMarks(marks, picture, written)); // the thumbnail, and then the picture
  const show = (item) => {
    const text = gallery.data.text?.id === item.id ? gallery.data.text : null;
    const face = JSON.stringify([item, text]);
    if (face !== shown) {
      shown = face;
      written = text;
      picture.alt = item.caption || item.name;
      side.replaceChildren(...facts(gallery, item, text, marks));
      drawMarks(marks, picture, text);
      load(picture, item, (status) => {
        lacking.textContent = LACKING[status] ?? "";
        side.querySelector(".original").hidden = status in LACKING;
        side.querySelector(".download").hidden = status === 404;
      });
      side.scrollTop = 0;
    }
    const at = gallery.items.findIndex((other) => other.id === item.id);
    before.hidden = at <= 0;
    after.hidden = at < 0 || at >= gallery.items.length - 1;
    if (!dialog.open) dialog.showModal();
  };
  const hide = () => {
    if (dialog.open) dialog.close();
  };
  return { dialog, show, hide };
}

// A picture that is dragged over the page opens the place to drop it.
function offerDropZone(event) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  document.querySelector(".st-key-picture button[aria-expanded='false']")?.click();
}

// The thumbnail at once, the picture itself when it has come. Where it does not come, `say` gets the HTTP status.
function load(picture, item, say) {
  picture.src = item.thumbnail;
  say(200);
  if (item.width && item.height) picture.style.setProperty("--whole", `${item.width} / ${item.height}`);
  else picture.style.removeProperty("--whole");
  const address = `${item.original}?whole`; // or an error, and not the thumbnail in its place
  const shown = () => picture.alt === (item.caption || item.name) && picture.getAttribute("src") === item.thumbnail;
  const whole = new Image();
  whole.addEventListener("load", () => {
    if (shown()) picture.src = address;
  });
  whole.addEventListener("error", async () => {
    const status = await fetch(address).then((answer) => answer.status, () => 0);
    if (shown()) say(status);
  });
  whole.src = address;
}

const LACKING = {
  404: "The original cannot be had from here: this is its thumbnail.",
  415: "The original cannot be shown: this is its thumbnail.",
};

// Where the lines of text are, over the picture as it is shown, which the drawing is fitted into in the same way.
function drawMarks(marks, picture, text) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  marks.replaceChildren();
  if (!text || !width || !height) return;
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  text.lines.forEach((line, n) => {
    const corners = [0, 2, 4, 6].map((at) => `${line.box[at] * width},${line.box[at + 1] * height}`);
    const mark = svg("polygon", { points: corners.join(" "), class: line.matched ? "mark matched" : "mark" });
    mark.dataset.line = n;
    marks.append(mark);
  });
}

function textLines(text, marks) {
  const part = element("section", "written");
  part.setAttribute("aria-label", "Text in the picture");
  const head = element("h3", "", "Text in the picture");
  const copy = element("button", "", "Copy text");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(text.lines.map((line) => line.text).join("\n"));
    } catch {
      said = "Select it to copy it";
    }
    copy.textContent = said;
    window.setTimeout(() => { copy.textContent = "Copy text"; }, 2000);
  });
  const list = element("ol");
  text.lines.forEach((line, n) => {
    const row = element("li", line.matched ? "matched" : "", line.text);
    row.dir = "auto";
    const point = (on) => marks.querySelector(`[data-line="${n}"]`)?.classList.toggle("pointed", on);
    row.addEventListener("mouseenter", () => point(true));
    row.addEventListener("mouseleave", () => point(false));
    list.append(row);
  });
  if (text.lines.length) part.append(head, copy, list);
  if (text.unread) {
    const more = text.lines.length ? "more " : "";
    part.append(element("p", "unread", `${text.unread} ${more}${text.unread === 1 ? "line" : "lines"} of text could not be read`));
  }
  return part;
}

function facts(gallery, item, text, marks) {
  const parts = [];
  const heading = element("h2", item.caption ? "" : "none", item.caption || "No caption yet");
  heading.dir = "auto";
  parts.push(heading);

  if (item.words.length) {
    const words = element("div", "words");
    words.setAttribute("aria-label", "Words of the caption: choose one to filter by it");
    for (const word of item.words) {
      const chip = element("button", "word", word);
      chip.type = "button";
      chip.title = `Only pictures with “${word}” in the caption`;
      chip.addEventListener("click", () => {
        gallery.show(null);
        gallery.send("word", { word });
      });
      words.append(chip);
    }
    parts.push(words);
  }

  const actions = element("div", "actions");
  const like = element("button", "main", "More like this");
  like.type = "button";
  like.addEventListener("click", () => {
    gallery.show(null);
    gallery.send("like", { id: item.id });
  });
  const copy = element("button", "", "Copy link");
  copy.type = "button";
  copy.addEventListener("click", () => copyLink(copy, item.id));
  const whole = element("a", "original", "Open original");
  whole.href = item.original;
  whole.target = "_blank";
  whole.rel = "noopener";
  const file = element("a", "download", "Download");
  file.href = item.download;
  file.download = item.name;
  file.title = "The file as it is, under its own name";
  actions.append(like, copy, whole, file);
  if (item.pair) {
    const other = element("button", "", item.pair.label);
    other.type = "button";
    other.title = item.pair.name;
    other.addEventListener("click", () => gallery.send("view", { id: item.pair.id })); // it may have to be read first
    actions.append(other);
  }
  if (item.near) {
    const near = element("button", "", "Near here");
    near.type = "button";
    near.title = "Pictures that were taken at most 1 km away";
    near.addEventListener("click", () => {
      gallery.show(null);
      gallery.send("near", { text: item.near });
    });
    actions.append(near);
  }
  parts.push(actions);
  if (text && (text.lines.length || text.unread)) parts.push(textLines(text, marks));

  const list = element("dl");
  for (const [name, value, note] of item.facts) {
    const row = element("div");
    const what = element("dd", "", value);
    what.dir = "auto";
    if (note) what.append(element("small", "", note));
    row.append(element("dt", "", name), what);
    list.append(row);
  }
  parts.push(list);
  return parts;
}

async function copyLink(button, id) {
  const link = new URL(window.location.href);
  link.searchParams.set("view", id);
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(link.href);
  } catch {
    said = "Copy it from the address bar";
  }
  button.textContent = said;
  window.setTimeout(() => { button.textContent = "Copy link"; }, 2000);
}

const LIKE = "M4 7a2 2 0 0 1 2-2h8v10H4zM8 19h10a2 2 0 0 0 2-2V9";

function iconButton(kind, label, path) {
  const button = element("button", `icon ${kind}`);
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  drawing.append(line);
  button.append(drawing);
  return button;
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function element(tag, kind, text) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
}

function title(item) {
  return item.caption ? `“${item.caption}”` : item.name;
}

// Very long or very tall pictures are cut to a readable shape in the grid; the large view shows them whole.
function shape(item) {
  const ratio = item.width && item.height ? item.width / item.height : 1;
  return Math.min(2.2, Math.max(0.6, ratio));
}
