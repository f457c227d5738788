// The rubric as a list that is edited in place. What people write enters the page as values and text only,
// never as HTML. `props.value` is {sheet, rows}; setting it tells the server.
const list = element.querySelector(".rubric-rows");
const said = element.querySelector(".rubric-said");
const group = "r" + Math.random().toString(36).slice(2);
let rows = [];
let sheet = "";
let timer;

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

const flush = () => {
  clearTimeout(timer);
  const value = { sheet, rows };
  if (JSON.stringify(value) !== JSON.stringify(props.value)) props.value = JSON.parse(JSON.stringify(value));
};
const soon = () => {
  clearTimeout(timer);
  timer = setTimeout(flush, 1000);
};

const verdict = (row, number, side) => {
  const name = side.toUpperCase();
  const choice = (label, word) =>
    make(
      "label",
      {},
      make("input", {
        type: "radio",
        name: `${group}-${row.id}-${side}`,
        checked: row[side] === label,
        onchange: () => {
          row[side] = label;
          row.by_judge = row.by_judge.filter((one) => one !== side);
          place.querySelector(".rubric-judge").textContent = "";
          flush();
        },
      }),
      make("span", {}, word),
    );
  const place = make(
    "div",
    { class: "rubric-verdict", role: "radiogroup", "aria-label": `Criterion ${number}: does answer ${name} do this?` },
    make("b", { "aria-hidden": "true" }, name),
    choice("MET", "yes"),
    choice("NOT_MET", "no"),
    make("small", { class: "rubric-judge" }, row.by_judge.includes(side) ? "judge’s" : ""),
  );
  return place;
};

const points = (row, number) =>
  make("input", {
    type: "number",
    min: -10,
    max: 10,
    step: 1,
    value: row.points ?? "",
    "aria-label": `Criterion ${number}: points`,
    oninput: (event) => {
      row.points = event.target.value === "" ? null : Number(event.target.value);
      event.target.closest("li").classList.toggle("rubric-fault", row.points < 0);
      soon();
    },
    onchange: flush,
  });

const button = (word, label, act, disabled = false) =>
  make("button", { type: "button", "aria-label": label, title: label, onclick: act, disabled }, word);

const drawn = (row, place) => {
  const number = place + 1;
  const origin = row.principle_id ? `from ${row.principle_id}` : "your own";
  const about = row.safety_critical ? `${origin} · safety-critical` : origin;
  const item = make("li", { class: row.points < 0 ? "rubric-fault" : "" });
  item.append(
    make(
      "div",
      { class: "rubric-head" },
      make("b", {}, String(number)),
      make("small", {}, about),
      button("↑", `Move criterion ${number} up`, () => move(place, -1), place === 0),
      button("↓", `Move criterion ${number} down`, () => move(place, 1), place === rows.length - 1),
      button("✕", `Remove criterion ${number}`, () => remove(place)),
    ),
    make("textarea", {
      rows: 2,
      maxlength: 2000,
      value: row.text,
      "aria-label": `Criterion ${number}: text`,
      placeholder: "Does the answer …?",
      oninput: (event) => {
        row.text = event.target.value;
        soon();
      },
      onchange: flush,
    }),
    make(
      "div",
      { class: "rubric-values" },
      make("label", { class: "rubric-points" }, make("span", {}, "points"), points(row, number)),
      verdict(row, number, "a"),
      verdict(row, number, "b"),
    ),
  );
  return item;
};

const draw = () => list.replaceChildren(...rows.map(drawn));

// The focus goes along, so that a criterion can be moved on with the same key.
const focus = (place, selector) => {
  const found = list.children[place]?.querySelector(selector);
  (found?.disabled ? list.children[place].querySelector("button:not(:disabled)") : found)?.focus();
};

const move = (place, by) => {
  rows.splice(place + by, 0, ...rows.splice(place, 1));
  draw();
  focus(place + by, `button:nth-of-type(${by < 0 ? 1 : 2})`);
  said.textContent = `Criterion ${place + 1} is now number ${place + by + 1}`;
  flush();
};

const remove = (place) => {
  rows.splice(place, 1);
  draw();
  if (rows.length) focus(Math.min(place, rows.length - 1), "textarea");
  else adder.focus();
  said.textContent = `Criterion ${place + 1} removed`;
  flush();
};

const adder = element.querySelector(".rubric-add");
adder.addEventListener("click", () => {
  const id = "own-" + Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
  rows.push({ id, text: "", points: 5, principle_id: null, safety_critical: false, a: null, b: null, by_judge: [] });
  draw();
  focus(rows.length - 1, "textarea");
  flush();
});

const load = () => {
  const given = props.value;
  if (!given || (given.sheet === sheet && sheet)) return;
  clearTimeout(timer);
  sheet = given.sheet;
  rows = JSON.parse(JSON.stringify(given.rows));
  said.textContent = "";
  draw();
};

// The judge's verdicts are put only where nobody has given one.
const propose = () => {
  const given = props.proposals;
  if (!given || given.sheet !== sheet) return;
  for (const row of rows) {
    const judged = given.verdicts[row.id];
    if (judged?.text !== row.text.trim()) continue; // reworded meanwhile
    for (const side of ["a", "b"])
      if (!row[side] && judged[side]) {
        row[side] = judged[side];
        row.by_judge = [...row.by_judge, side];
      }
  }
  draw();
  flush();
};

watch("value", load);
watch("proposals", propose);
load();
