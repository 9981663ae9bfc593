/** Programs to start from, with the address of this router filled in. */

import { element } from "./element.js";

export function showSnippets(urls, realm) {
  const snippets = make(urls, realm);
  const tabs = document.getElementById("tabs");
  const panel = document.getElementById("snippet-panel");
  const code = document.getElementById("snippet");
  const note = document.getElementById("snippet-note");

  const select = index => {
    [...tabs.children].forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", tabs.children[index].id);
    code.textContent = snippets[index].code;
    note.textContent = snippets[index].note;
  };
  const onKey = event => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const last = snippets.length - 1;
    const next = [...tabs.children].indexOf(document.activeElement) + step;
    const index = Number.isFinite(step) ? (next + snippets.length) % snippets.length : step < 0 ? 0 : last;
    select(index);
    tabs.children[index].focus();
  };

  tabs.append(...snippets.map(({ name }, index) => element("button", {
    type: "button", role: "tab", id: `tab-${index}`, "aria-controls": "snippet-panel", onclick: () => select(index),
  }, name)));
  tabs.addEventListener("keydown", onKey);
  document.getElementById("copy").addEventListener("click", event => copy(code, event.currentTarget));
  select(0);
}

async function copy(code, button) {
  const said = await write(code) ? "Copied" : "Press Ctrl+C";
  button.textContent = said;
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

/** Copies, or selects the text where a page that did not come over TLS may not copy. */
async function write(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return false;
  }
}

function make({ page, websocket }, realm) {
  return [
    { name: "Python", note: "pip install autobahn, then run it with python3.", code: `from autobahn.asyncio.component import Component, run

component = Component(transports="${websocket}", realm="${realm}")

@component.on_join
async def joined(session, details):
    await session.subscribe(lambda text, tick: print("clock:", text), "com.example.clock")
    print("2 + 3 =", await session.call("com.example.add2", 2, 3))

@component.register("com.example.greet")
def greet(name):
    return f"Hello from Python, {name}"

run([component])
` },
    { name: "JavaScript", note: "npm install autobahn, save as clock.mjs, run it with node clock.mjs (before Node 22: node --experimental-websocket clock.mjs).", code: `import autobahn from "autobahn";

const connection = new autobahn.Connection({ url: "${websocket}", realm: "${realm}" });

connection.onopen = async session => {
  await session.subscribe("com.example.clock", ([text]) => console.log("clock:", text));
  await session.register("com.example.greet", ([name]) => \`Hello from JavaScript, \${name}\`);
  console.log("2 + 3 =", await session.call("com.example.add2", [2, 3]));
};

connection.open();
` },
    { name: "Rust", note: "cargo add tokio --features macros,rt-multi-thread, and crossweave-client, which is the folder crates/client of Crossweave's sources.", code: `use crossweave_client::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect("${websocket}", "${realm}").await?;

    let sum: i64 = client.call_with("com.example.add2", (2, 3)).await?;
    println!("2 + 3 = {sum}");

    let mut clock = client.subscribe("com.example.clock").await?;
    while let Some(event) = clock.next().await {
        let (text, _tick): (String, u64) = event?.parse()?;
        println!("clock: {text}");
    }
    Ok(())
}
` },
    { name: "curl", note: "Publications and calls over plain HTTP, with the rights of an anonymous session.", code: `curl ${page}/call \\
  --header "Content-Type: application/json" \\
  --data '{"procedure": "com.example.add2", "args": [2, 3]}'

curl ${page}/publish \\
  --header "Content-Type: application/json" \\
  --data '{"topic": "com.example.hello", "args": ["Hello from curl"]}'
` },
    { name: "Command line", note: "The program that runs this router is a client, too. Run each line in a terminal of its own.", code: `crossweave sub com.example.clock --url ${websocket} --realm ${realm}

crossweave call com.example.add2 2 3 --url ${websocket} --realm ${realm}

crossweave pub com.example.hello 'Hello from the command line' --url ${websocket} --realm ${realm}
` },
  ];
}
