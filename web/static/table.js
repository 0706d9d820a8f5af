// Puts a chosen file into the field below it, in whatever encoding a spreadsheet saved it. The
// page is whole without this file: the field takes what is pasted.
"use strict";
(() => {
  for (const chooser of document.querySelectorAll("input[type=file][data-into]")) {
    const field = document.getElementById(chooser.dataset.into);
    chooser.addEventListener("change", async () => {
      const file = chooser.files[0];
      if (!file || !field) return;
      const bytes = await file.arrayBuffer();
      try {
        field.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      } catch {
        field.value = new TextDecoder("shift_jis").decode(bytes);
      }
    });
  }
})();
