// Copy buttons: `data-copy` names the element whose text is copied. Hidden where copying cannot work.
"use strict";

const SHOWN_MS = 2000;

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // The browser refused: select the text, so that the keyboard or the context menu can copy it.
    getSelection().selectAllChildren(source);
    announce("The browser did not allow copying. The text is selected.");
    return;
  }
  announce("Copied");
  showCopied(button);
}

function announce(words) {
  const region = document.getElementById("announcement");
  // Screen readers speak a change; the same words once more are none.
  region.textContent = "";
  setTimeout(() => { region.textContent = words; }, 50);
}

function showCopied(button) {
  const label = button.querySelector("[data-copy-label]");
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, SHOWN_MS);
}

// Absent on plain http outside loopback: https://developer.mozilla.org/en-US/docs/Web/API/Clipboard_API
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button));
    button.hidden = false;
  }
}
