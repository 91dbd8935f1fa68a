// A product's pictures open in a dialog. Without this file, their links open the pictures themselves.
"use strict";

const dialog = document.createElement("dialog");
const picture = document.createElement("img");
const close = document.createElement("button");
dialog.className = "lightbox";
close.type = "button";
close.className = "button quiet small";
close.textContent = "Close";
dialog.append(close);
document.body.append(dialog);
// The button, and the backdrop, which counts as the dialog itself.
dialog.addEventListener("click", (event) => {
  if (event.target !== picture) dialog.close();
});

for (const link of document.querySelectorAll("[data-gallery]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    picture.src = link.href;
    picture.alt = link.querySelector("img").alt;
    dialog.prepend(picture); // not before: a picture has an address
    dialog.setAttribute("aria-label", picture.alt);
    dialog.showModal();
  });
}
