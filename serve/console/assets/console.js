// What the pages do besides htmx. Without it, or without any scripts, they work all the same.
(() => {
  'use strict';
  const region = () => document.getElementById('fresh');
  const says = document.getElementById('updates');
  const fresh = (text) => { if (says) says.textContent = text; };
  const text = (e) => (e ? e.textContent.replace(/\s+/g, ' ') : '');

  // A change that is shown is told to those who do not see it; a page that was only drawn again is not.
  let before = '';
  document.addEventListener('htmx:before:swap', () => { before = text(region()); });
  document.addEventListener('htmx:after:swap', () => {
    if (before !== '' && region() && before !== text(region())) fresh('The page has changed.');
    before = '';
  });

  // A question is asked in place.
  document.addEventListener('htmx:after:swap', (event) => {
    const dialog = document.getElementById('dialog');
    if (dialog && dialog.firstElementChild && !dialog.open && event.detail?.ctx?.sourceElement?.dataset.dialog !== undefined) {
      dialog.showModal();
    }
  });
  document.addEventListener('click', (event) => {
    const dialog = document.getElementById('dialog');
    if (dialog?.open && event.target instanceof Element && event.target.closest('[data-close]')) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.addEventListener('close', (event) => {
    if (event.target.id === 'dialog') event.target.replaceChildren();
  }, true);

  // Something to be pasted elsewhere can be copied by a button.
  for (const button of document.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      fresh('Copied.');
      button.textContent = 'Copied';
      button.setAttribute('aria-label', button.getAttribute('aria-label').replace('Copy', 'Copied'));
    });
  }
})();
