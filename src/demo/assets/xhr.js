// Sends the filing form as a program would, with the session or without, and shows what came back.
const result = document.getElementById("xhr-result");

async function send(credentials) {
  const fields = new FormData(document.getElementById("filing"));
  result.textContent = "…";
  try {
    const answer = await fetch("/nop-ho-so", {
      method: "POST",
      credentials,
      headers: { "X-Requested-With": "XMLHttpRequest" },
      body: new URLSearchParams(fields),
    });
    const type = answer.headers.get("content-type") || "";
    const text = type.includes("json") ? await answer.text() : "";
    result.textContent = `${answer.status} ${type}\n${text}`;
  } catch (error) {
    result.textContent = String(error);
  }
}

document.getElementById("xhr-with").addEventListener("click", () => send("same-origin"));
document.getElementById("xhr-without").addEventListener("click", () => send("omit"));
