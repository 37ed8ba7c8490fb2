// Every figure of class cascade-player gets its sliders. Without this script its one picture and caption stay.
// Beside the picture stands JSON: frames ([url, text], the last slider's fastest), sliders ([name, values, start]), interval.
for (const figure of document.querySelectorAll(".cascade-player:not([data-live])")) {
  const { frames, sliders, interval } = JSON.parse(figure.querySelector("script").textContent);
  const picture = figure.querySelector("img");
  const caption = figure.querySelector("figcaption");
  const first = picture.src;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const rows = sliders.map(([name, values, start]) => {
    const input = make("input", { type: "range", min: 0, max: values.length - 1, value: start });
    const output = make("output", { "aria-live": "off" });
    const button = make("button", { type: "button", "aria-label": `Play ${name}` });
    caption.before(make("div", { class: "slider" }, button, make("label", {}, name, input), output));
    return { values, input, output, button, timer: 0 };
  });

  const show = () => {
    const frame = rows.reduce((i, r) => i * r.values.length + +r.input.value, 0);
    const [url, text] = frames[frame];
    picture.src = url ?? first; // the picture that is there already is not sent twice
    picture.alt = caption.textContent = text;
    for (const r of rows) {
      r.output.value = r.values[r.input.value];
      r.input.setAttribute("aria-valuetext", r.output.value);
    }
  };
  const draw = r => {
    r.button.textContent = r.timer ? "❚❚" : "▶";
    r.button.setAttribute("aria-pressed", Boolean(r.timer));
  };
  const stop = r => {
    clearInterval(r.timer);
    r.timer = 0;
    draw(r);
  };
  const step = r => {
    if (!figure.isConnected) return stop(r); // the page has dropped this output
    r.input.value = (+r.input.value + 1) % r.values.length;
    show();
  };
  const play = r => {
    r.timer = setInterval(() => step(r), interval);
    draw(r);
  };
  for (const r of rows) {
    r.input.oninput = () => { stop(r); show(); };
    r.button.onclick = () => (r.timer ? stop(r) : play(r));
    draw(r);
  }
  picture.onclick = () => rows[0].input.focus(); // so that arrows move the frames of a picture that was clicked
  // JupyterLab leaves a key alone where the element that has the focus says so: a word on the figure is not enough
  for (const { input, button } of rows) for (const e of [input, button]) e.dataset.lmSuppressShortcuts = "true";
  figure.dataset.live = "";
  show();
}
