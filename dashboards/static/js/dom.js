// The few words that scripts make elements with. Text is always set as text.

/** Makes an element with a class and a text, either of which may be left out. */
export const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

/** Makes a button that acts when it is pressed. */
export const makeButton = (text, act, className) => {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
};

/** Makes a field to choose from [value, text?] pairs. */
export const makeSelect = (options, value) => {
  const field = make("select");
  for (const [word, text] of options) {
    const option = make("option", "", text ?? word);
    option.value = word;
    field.append(option);
  }
  field.value = value;
  return field;
};
