// Passkeys in plain forms. A form says what it needs, and this module puts the browser's answer into it as the
// hidden field `passkey` before the form is sent:
//
//   <form data-passkey-purpose="approve" data-passkey-subject="rnd_...:<sha256>:approve">   an assertion
//   <form data-passkey-create>                                                                a new passkey
//
// A filled field `totp` sends the form without a passkey; so does a button with its own `formaction` (it goes
// elsewhere). The form carries `csrf` as every form does. What fails is said in the form, and nothing is sent.

const bytes = (text) => {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
};

const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const known = (list) => (list ?? []).map((entry) => ({ ...entry, id: bytes(entry.id) }));

async function ask(path, form, fields) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, ...fields });
  const answer = await fetch(path, { method: "POST", body, headers: { accept: "application/json" } });
  const document = await answer.json();
  if (!answer.ok) throw new Error(`${document.error.what}. Next: ${document.error.next}.`);
  return document;
}

async function assertion(form) {
  const { passkeyPurpose: purpose, passkeySubject: subject } = form.dataset;
  const options = await ask("/account/passkey/begin", form, { purpose, subject });
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey: {
    ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials),
  } });
  return { id, rawId: text(rawId), type, response: {
    clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData),
    signature: text(response.signature), userHandle: response.userHandle ? text(response.userHandle) : null,
  } };
}

async function creation(form) {
  const options = await ask("/account/passkey/new", form, {});
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey: {
    ...options, challenge: bytes(options.challenge), excludeCredentials: known(options.excludeCredentials),
    user: { ...options.user, id: bytes(options.user.id) },
  } });
  return { id, rawId: text(rawId), type, response: {
    clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject),
  } };
}

function inWords(error) {
  if (error.name === "NotAllowedError") return "No passkey was used. Try again, or type a one-time code.";
  if (error.name === "InvalidStateError") return "This device has a passkey for this account already.";
  if (!window.PublicKeyCredential) return "This browser has no passkeys here. They need https, or localhost.";
  return error.message;
}

function say(form, words) {
  let place = form.querySelector("[data-passkey-message]");
  if (!place) {
    place = document.createElement("p");
    place.dataset.passkeyMessage = "";
    place.className = "problem";
    place.setAttribute("role", "alert");
    form.prepend(place);
  }
  place.hidden = !words;
  place.textContent = words;
}

async function fill(event) {
  const form = event.target, { submitter } = event, field = form.elements.passkey;
  if (!form.matches("form[data-passkey-purpose], form[data-passkey-create]")) return;
  if (field.value || submitter?.hasAttribute("formaction") || form.elements.totp?.value.trim()) return;
  event.preventDefault();
  if (form.dataset.passkeyBusy) return; // the device is asked once, however often the button is pressed
  form.dataset.passkeyBusy = "yes";
  try {
    say(form, "");
    const answer = "passkeyCreate" in form.dataset ? await creation(form) : await assertion(form);
    field.value = JSON.stringify(answer);
    form.requestSubmit(submitter);
  } catch (error) {
    say(form, inWords(error));
  } finally {
    delete form.dataset.passkeyBusy;
  }
}

// On the document, before anybody else: forms come and go without a page load.
document.addEventListener("submit", fill, { capture: true });
// A page that comes back from the browser's memory holds an answer that was used.
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form input[name=passkey]")) field.value = "";
});
