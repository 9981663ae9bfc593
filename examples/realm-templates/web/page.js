"use strict";

const REALMS = 10;
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;

function row(texts) {
  const line = document.createElement("tr");
  for (const [text, kind] of texts) {
    const cell = document.createElement("td");
    cell.textContent = text;
    cell.className = kind ?? "";
    line.append(cell);
  }
  document.getElementById("realms").append(line);
}

/** Joins the realm of one user, and tries what may be done there and what may not. */
async function visit(number) {
  const realm = `realm-user${number}`;
  const begun = performance.now();
  const session = await Session.join(url, realm);
  const took = performance.now() - begun;
  console.log(`connected to realm "${realm}" as session ${session.id}`);

  const topic = `com.example.user${number}.hello`;
  const received = new Promise((resolve) => session.subscribe(topic, resolve).then(() => session.publish(topic, [number])));
  const [value] = await received;
  console.log(`received event ${value} on "${topic}"`);

  let other = ["allowed", "bad"];
  try {
    await session.publish("com.example.somebody.hello", [number]);
  } catch (error) {
    other = [error.message, "good"];
  }
  row([[realm], [session.id], [`${took.toFixed(1)} ms`], ["received", value === number ? "good" : "bad"], other]);
}

async function main() {
  for (let number = 1; number <= REALMS; number += 1) {
    await visit(number);
  }
  try {
    await Session.join(url, "realm-X");
  } catch (error) {
    console.log(`realm "realm-X" matches no template: ${error.message}`);
  }
  document.getElementById("end").textContent = `${REALMS} realms were started.`;
}

main().catch((error) => {
  console.error(error);
  document.getElementById("end").textContent = `Failed: ${error.message}`;
});
