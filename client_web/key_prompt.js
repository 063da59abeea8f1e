/** A field for a key, in sight only while the server asks for one. */
export class KeyPrompt {
  /**
   * @param {{ form: HTMLFormElement, input: HTMLInputElement }} elements
   * @param {(text: string) => boolean} onKey false: this cannot be a key
   */
  constructor({ form, input }, onKey) {
    this.form = form;
    this.input = input;
    this.onKey = onKey;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    // Browsers refuse to submit a field that was once found wrong until it is told otherwise.
    input.addEventListener("input", () => input.setCustomValidity(""));
  }

  get isOpen() {
    return !this.form.hidden;
  }

  open() {
    if (this.isOpen) return;
    this.form.hidden = false;
    this.input.focus();
  }

  close() {
    this.form.hidden = true;
    this.input.value = "";
  }

  #submit() {
    if (this.onKey(this.input.value)) return;
    this.input.setCustomValidity("A key is one word of letters, digits and _, such as lk_…");
    this.input.reportValidity();
  }
}
