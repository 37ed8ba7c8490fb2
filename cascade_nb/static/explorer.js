// The page's half of the Explorer, for anywidget: controls from `fields`, pictures from `diagram` and `view`, sentences from `note` and `error`.
const numberField = f =>
  `<label for="${f.id}">${f.label}</label>
   <input type="range" id="${f.id}" name="${f.name}" min="${f.min}" max="${f.max}" step="${f.step}">
   <input type="number" aria-label="${f.label}, as a number" name="${f.name}" step="any">`;
const choiceField = f =>
  `<label for="${f.id}">${f.label}</label>
   <select id="${f.id}" name="${f.name}"></select>`;
const buttons = `<button type="button" name="compute">Compute here</button> <button type="button" name="stop">Stop</button> <progress max="1" aria-label="Progress"></progress> <span class="cost"></span>`;
const own = id => `<label for="${id}-own">own picture</label> <input type="file" id="${id}-own" name="own" accept="image/*" multiple>`;
const files = `<button type="button" name="picture">Save picture</button> <button type="button" name="table">Save table</button>`;
const read = text => (text === "" ? null : isNaN(text) ? text : +text);
const percent = x => `${100 * x}%`;

function form(model, el, go) {
  const fields = model.get("fields").map(f => `<div>${f.options ? choiceField(f) : numberField(f)}</div>`);
  el.innerHTML = fields.join("") + `<div>${own(model.get("fields")[0].id)}</div><div>${buttons}</div><div>${files}</div>`;
  // JupyterLab would take the keys (r makes the cell raw, d d deletes it), unless the element that has the focus says no
  for (const i of el.elements) i.dataset.lmSuppressShortcuts = "true";
  const $ = q => el.querySelector(q);
  el.onsubmit = e => e.preventDefault();
  el.oninput = e => e.target.type === "file" ? send(model, e.target, go) : go({ [e.target.name]: read(e.target.value) });
  el.elements.picture.onclick = () => savePicture(model);
  el.elements.table.onclick = () => saveTable(model);
  for (const b of [el.elements.compute, el.elements.stop]) b.onclick = () => {
    if (b.getAttribute("aria-disabled") !== "true") model.send({ asked: b.name, controls: model.get("controls") });
  };
  const put = () => {
    const controls = model.get("controls");
    for (const i of el.elements) {
      if (!(i.name in controls)) continue;
      if (i.type === "range" && typeof controls[i.name] !== "number") continue; // an emptied field leaves its slider where it was
      if (i !== document.activeElement || i.type === "range") i.value = controls[i.name];
    }
  };
  const options = () => {
    for (const f of model.get("fields").filter(f => f.options)) el.elements[f.name].replaceChildren(...f.options.map(([v, t]) => new Option(t, v)));
    put();
  };
  const busy = () => {
    // not `disabled`, which would drop the focus of a hand that has just pressed the button
    el.elements.compute.setAttribute("aria-disabled", model.get("busy"));
    el.elements.stop.setAttribute("aria-disabled", !model.get("busy"));
    $("progress").hidden = !model.get("busy");
    $(".cost").hidden = model.get("busy");
  };
  const progress = () => { $("progress").value = model.get("progress"); };
  const cost = () => { $(".cost").textContent = model.get("cost"); };
  model.on("change:controls", put);
  model.on("change:fields", options);
  model.on("change:busy", busy);
  model.on("change:progress", progress);
  model.on("change:cost", cost);
  for (const draw of [options, busy, progress, cost]) draw();
}

// Pictures of the reader's own, made small here; the kernel gives them the size that its networks take
async function send(model, field, go) {
  // the page chooses the new picture itself: a choice by the kernel would be undone by changes that are still on their way to it
  const chosen = () => {
    model.off("change:fields", chosen);
    go({ image: model.get("fields").find(f => f.name === "image").options.at(-1)[0] });
  };
  model.on("change:fields", chosen);
  for (const file of field.files) {
    const message = { asked: "picture", controls: model.get("controls"), name: file.name, url: "" };
    try {
      const image = await createImageBitmap(file), scale = Math.min(1, 256 / Math.max(image.width, image.height));
      const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, scale * image.width), height: Math.max(1, scale * image.height) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      message.url = canvas.toDataURL("image/png");
    } catch { /* the kernel says that it is no picture */ }
    model.send(message);
  }
  field.value = "";
}

function save(name, href) {
  const link = Object.assign(document.createElement("a"), { download: name, href });
  link.click();
}

async function savePicture(model) {
  const d = model.get("diagram"), c = model.get("controls"), image = new Image();
  image.src = d.url;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const pen = canvas.getContext("2d"), [left, top, width, height] = d.box.map((share, i) => share * (i % 2 ? canvas.height : canvas.width));
  const share = (v, [least, most]) => (Math.min(Math.max(v, least), most) - least) / (most - least);
  pen.drawImage(image, 0, 0);
  pen.strokeStyle = "#e4002b";
  pen.lineWidth = 2;
  const line = (...corners) => { pen.beginPath(); for (const [x, y] of corners) pen.lineTo(x, y); pen.stroke(); };
  const x = left + width * share(c.var_w, d.x), y = top + height * (1 - share(c.layer, d.y));
  line([x, top], [x, top + height]);
  line([left, y], [left + width, y]);
  save("cascade.png", canvas.toDataURL("image/png"));
}

function saveTable(model) {
  const { place, profile } = model.get("view"), values = profile.values ?? [];
  const head = [...Object.keys(place), "layer", profile.score ?? "explained_variance"];
  const rows = values.map((v, i) => [...Object.values(place), i + 1, v ?? ""]);
  const quoted = v => /[",\n]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : v;
  const url = URL.createObjectURL(new Blob([[head, ...rows].map(r => r.map(quoted).join(",")).join("\n") + "\n"], { type: "text/csv" }));
  save("cascade.csv", url);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Where the widget is the page, as in the app, the page's address holds the settings
function address(model, go) {
  if (!("voila" in document.body.dataset)) return; // JupyterLab's address is its own
  const allowed = f => v => f.options ? f.options.some(([o]) => String(o) === v) : v !== "" && !isNaN(v);
  const asked = new URLSearchParams(location.search);
  const given = model.get("fields").filter(f => asked.has(f.name) && allowed(f)(asked.get(f.name))).map(f => [f.name, read(asked.get(f.name))]);
  if (given.length) go(Object.fromEntries(given));
  model.on("change:controls", () => {
    const query = new URLSearchParams(location.search);
    for (const [k, v] of Object.entries(model.get("controls"))) if (v !== null) query.set(k, v);
    history.replaceState(history.state, "", `?${query}`);
  });
}

function diagram(model, el, go) {
  el.innerHTML = '<img alt=""><div class="plane"><b></b><i></i></div><p class="beyond"></p>';
  const [img, plane, beyond] = el.children;
  const [down, across] = plane.children;
  const draw = () => {
    const d = model.get("diagram"), c = model.get("controls");
    const [left, top, width, height] = d.box.map(percent);
    img.src = d.url;
    img.alt = d.alt;
    Object.assign(plane.style, { left, top, width, height });
    const far = [];
    const share = (name, label, [least, most]) => {
      const v = c[name];
      if (typeof v !== "number") return null;
      if (v < least || v > most) far.push(`${label} = ${v} lies outside the diagram, which goes from ${+least.toFixed(2)} to ${+most.toFixed(2)}.`);
      return (Math.min(Math.max(v, least), most) - least) / (most - least);
    };
    const [x, y] = [share("var_w", "σ_w²", d.x), share("layer", "Layer", d.y)];
    if (x !== null) down.style.left = `calc(${percent(x)} - ${2 * x}px)`; // the line's own two pixels stay inside
    if (y !== null) across.style.top = `calc(${percent(1 - y)} - ${2 * (1 - y)}px)`;
    beyond.textContent = far.join(" ");
  };
  plane.onclick = e => {
    const d = model.get("diagram"), r = plane.getBoundingClientRect();
    const x = (e.clientX - r.left) / r.width, y = (e.clientY - r.top) / r.height;
    go({ var_w: +(d.x[0] + x * (d.x[1] - d.x[0])).toFixed(2), layer: Math.round(d.y[1] - y * (d.y[1] - d.y[0])) });
  };
  model.on("change:diagram change:controls", draw);
  draw();
}

function profile(model, el) {
  const W = 370, H = 270, left = 56, right = 12, top = 56, bottom = 40;
  const text = (x, y, s, more = "") => `<text x="${x}" y="${y}" font-size="12" ${more}>${s}</text>`;
  const draw = () => {
    const p = model.get("view").profile, n = p.values?.length, layer = model.get("controls").layer;
    if (!n) { el.innerHTML = ""; return; }
    const x = l => left + (W - left - right) * (l - 1) / Math.max(n - 1, 1);
    const [least, most] = p.range, height = v => Math.max(v - least, 0) / (most - least || 1);
    const y = v => H - bottom - (H - bottom - top) * height(v);
    const ticks = [least, (least + most) / 2, most].map(v => [v, +v.toPrecision(3)]);
    // a line across the profile; each label has a row of its own above it, so that no two can meet
    const upright = (l, row, colour, dash, s) => {
      const base = 14 + 16 * row, side = x(l) > W / 2 ? -5 : 5;
      return `<line x1="${x(l)}" x2="${x(l)}" y1="${base - 8}" y2="${y(least)}" stroke="${colour}" stroke-dasharray="${dash}"/>` +
        text(x(l) + side, base, s, `class="mark" fill="${colour}" text-anchor="${side < 0 ? "end" : "start"}"`);
    };
    const here = Math.min(layer, n);
    const steps = [1, ...[.25, .5, .75, 1].map(s => Math.round(s * n))];
    const apart = steps.filter((l, i) => l > 0 && (i === 0 || l - steps[i - 1] > 0) && (l === 1 || x(l) - x(1) > 20));
    el.innerHTML = `<p></p><svg viewBox="0 0 ${W} ${H}" width="${W}" role="img" fill="currentColor">` +
      `<path d="M${x(1)} ${y(most)}V${y(least)}H${x(n)}" fill="none" stroke="#495057"/>` +
      ticks.map(([v, s]) => text(x(1) - 6, y(v) + 4, s, 'text-anchor="end"')).join("") +
      apart.map(l => text(x(l), y(least) + 16, l, 'text-anchor="middle"')).join("") +
      text((left + W - right) / 2, H - 6, "layer", 'text-anchor="middle"') +
      p.marks.map(([l, s], row) => upright(l, row, "#a34700", "4 3", s)).join("") +
      (typeof layer !== "number" ? "" : upright(here, 2, "#c00020", "", layer > n ? `layer ${layer}: the last is ${n}` : `layer ${layer}`)) +
      `<polyline points="${p.values.map((v, i) => v === null ? "" : `${x(i + 1)},${y(v)}`).join(" ")}" fill="none" stroke="#1f5fa8" stroke-width="2"/></svg>`;
    el.firstChild.textContent = p.label;
    el.lastChild.setAttribute("aria-label", p.alt);
  };
  model.on("change:view change:controls", draw);
  draw();
}

function render({ model, el }) {
  el.innerHTML = `<div class="cascade-explorer"><form></form>
    <div class="shows"><div class="diagram"></div><div class="profile"></div></div>
    <p role="status"></p><p role="alert"></p><div class="strip"></div></div>`;
  const $ = q => el.querySelector(q);
  const go = change => {
    model.set("controls", { ...model.get("controls"), ...change });
    model.save_changes();
  };
  address(model, go);
  form(model, $("form"), go);
  diagram(model, $(".diagram"), go);
  profile(model, $(".profile"));
  const figure = ([url, label]) => `<figure><img src="${url}" alt="${label}"><figcaption>${label}</figcaption></figure>`;
  const strip = () => { $(".strip").innerHTML = model.get("view").strip.map(figure).join(""); };
  model.on("change:view", strip);
  strip();
  for (const [name, place] of [["note", $("[role=status]")], ["error", $("[role=alert]")]]) {
    const put = () => { place.textContent = model.get(name); };
    model.on(`change:${name}`, put);
    put();
  }
}

export default { render };
