"""The table of `docs/conformance.md` that says which client has passed which check.

It stands between two markers. A whole run makes it anew, and either compares it with what is there or puts it there.
"""

import difflib

BEGIN, END = "<!-- made by tests/interop -->\n", "<!-- end of what is made -->\n"
CLIENTS = {"autobahn-py": "Autobahn\\|Python", "autobahn-js": "Autobahn\\|JS", "wampy": "wampy.js"}


class Outcomes:
    """Over which connections (transport and serializer) each client has passed each check, on either side."""

    def __init__(self):
        self.passed = {}
        self.failed = set()
        # Why clients have not even tried, by kind, name and client.
        self.skipped = {}

    def note(self, kind, name, a, b, has_passed):
        if not has_passed:
            self.failed.add((kind, name))
        for side, session in enumerate((a, b)):
            client, connection = session.split("/")
            sides = self.passed.setdefault((kind, name), {}).setdefault(client, (set(), set()))
            if has_passed:
                sides[side].add(connection)


    def skip(self, kind, name, client, why):
        if why and why not in (reasons := self.skipped.setdefault((kind, name), {}).setdefault(client, [])):
            reasons.append(why)


def cell(sides):
    """How many connections passed as either side; the client cannot do it where there is none."""
    counts = [len(side) for side in sides] if sides else [0, 0]
    return " + ".join(str(count) if count else "–" for count in counts) if any(counts) else "–"


def row(*cells):
    return f"| {' | '.join(cells)} |\n"


def render(checks, sides, outcomes, methods, authentication, reasons):
    """The text between the markers, and the rows with a dash that nobody has given a reason for.

    `checks` is the names of the checks by kind, `sides` what its two sessions are, `reasons` of each client by feature.
    """
    text, unexplained = [], []

    def line(title, cells, why):
        if any("–" in cell and not why.get(client) for client, cell in cells.items()):
            unexplained.append(title)
        cannot = "; ".join(
            f"{CLIENTS[client]}: {', '.join(why[client])}" for client, cell in cells.items() if "–" in cell and why.get(client)
        )
        text.append(row(f"`{title}`", *cells.values(), cannot))

    head = [*CLIENTS.values(), "why not"]
    for kind, names in checks.items():
        text += [row(f"{sides[kind][0]} + {sides[kind][1]}", *head), row(*["---"] * (len(head) + 1))]
        for name in names:
            passed = outcomes.passed.get((kind, name), {})
            line(name, {client: cell(passed.get(client)) for client in CLIENTS}, outcomes.skipped.get((kind, name), {}))
        text.append("\n")
    text += [row("login by", *head), row(*["---"] * (len(head) + 1))]
    for method in methods:
        why = {client: [of[method]] for client, of in reasons.items() if method in of}
        line(method, {client: logins(authentication, client, method) for client in CLIENTS}, why)
    return "".join(text), unexplained


def logins(cells, client, method):
    """Over how many connections all checks of a method passed."""
    passed = [name for (name, of), (passed, run) in cells.items() if of == method and passed == run]
    count = sum(name.split("/")[0] == client for name in passed)
    return str(count) if count else "–"


def place(path, made, write):
    """Puts the text there, or says how it differs from what is there."""
    with open(path) as f:
        document = f.read()
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        return f"{path} has no place for the table: it needs the lines {BEGIN.strip()!r} and {END.strip()!r}"
    before, rest = document.split(BEGIN)
    there, after = rest.split(END)
    if there == made:
        return None
    if write:
        with open(path, "w") as f:
            f.write(before + BEGIN + made + END + after)
        print(f"{path} was written anew")
        return None
    lines = difflib.unified_diff(there.splitlines(), made.splitlines(), "there", "this run", lineterm="", n=0)
    return f"{path} is not what this run has shown; CROSSWEAVE_WRITE=1 writes it anew:\n" + "\n".join(lines)
