/** The clock: shows what arrives on `com.example.clock`, and nothing else moves it. */

const TOPIC = "com.example.clock";
/** After this long without an event the page says so, in milliseconds. */
const SILENCE_MS = 3000;

export function showClock(connection) {
  const clock = document.getElementById("clock");
  const time = document.getElementById("clock-time");
  const note = document.getElementById("clock-note");
  const dot = document.getElementById("route-dot");
  let timer = 0;

  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => fallSilent(`nobody publishes ${TOPIC} to this session`), SILENCE_MS);
  };
  const fallSilent = text => {
    clearTimeout(timer);
    clock.classList.add("silent");
    note.textContent = text;
  };
  const showState = () => {
    if (connection.state !== "joined") {
      return fallSilent(time.dateTime ? "the clock goes on when the connection does" : "waiting for the connection");
    }
    fallSilent("joined, waiting for the first tick");
    watch();
  };

  connection.subscribe(TOPIC, "exact", ({ args: [text, tick] }) => {
    const moment = typeof text === "string" ? new Date(text) : new Date(NaN);
    if (Number.isNaN(moment.getTime())) return;
    watch();
    clock.classList.remove("silent");
    time.dateTime = text;
    time.textContent = moment.toISOString().slice(11, 19);
    note.textContent = `${moment.toISOString().slice(0, 10)} UTC · event ${tick}`;
    replay(dot);
  });
  connection.addEventListener("state", showState);
}

/** Starts the animation of an element from its beginning. */
function replay(element) {
  element.classList.remove("travels");
  element.getBoundingClientRect();
  element.classList.add("travels");
}
