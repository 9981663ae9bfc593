//! A method of logging in of our own: a PIN, and then a code of a list that its owner has on paper. Each code is good once.
//!
//! ```text
//!  HELLO(authid)       ─▶ CHALLENGE {"ask": "pin"}
//!  AUTHENTICATE(pin)   ─▶ CHALLENGE {"ask": "code", "number": 3}
//!  AUTHENTICATE(code)  ─▶ WELCOME, or ABORT
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_router::{
    AuthenticateRequest, Granted, Login, LoginMethod, LoginNext, LoginStep, NotGranted, Secret,
};
use crossweave_wamp::Dict;

/// The people that have a list.
#[derive(Debug)]
pub(crate) struct Codes {
    people: BTreeMap<String, Arc<Person>>,
}

#[derive(Debug)]
struct Person {
    pin: Secret,
    codes: Vec<Secret>,
    /// Codes that have been asked for.
    asked: AtomicUsize,
}

impl Codes {
    /// A real one would have them from a database, and note there which codes are used up.
    pub(crate) fn of(people: &[(&str, &str, &[&str])]) -> Codes {
        let person = |(authid, pin, codes): &(&str, &str, &[&str])| {
            let codes = codes.iter().map(|code| Secret::from(*code)).collect();
            ((*authid).to_owned(), Arc::new(Person { pin: (*pin).into(), codes, asked: AtomicUsize::new(0) }))
        };
        Codes { people: people.iter().map(person).collect() }
    }
}

impl LoginMethod for Codes {
    fn begin(&self, request: AuthenticateRequest) -> Box<dyn Login> {
        let person = request.authid.as_ref().and_then(|authid| self.people.get(authid)).cloned();
        Box::new(Visit { person, expected: Expected::Pin })
    }
}

/// One login.
struct Visit {
    /// Whoever is not known is asked like others, and told nothing.
    person: Option<Arc<Person>>,
    expected: Expected,
}

/// What the client is to send next.
enum Expected {
    Pin,
    /// The code of this index, after a PIN that was right or not.
    Code {
        index: usize,
        was_pin_right: bool,
    },
}

impl Login for Visit {
    fn hello(&mut self) -> LoginStep<'_> {
        Box::pin(async { Ok(LoginNext::Challenge(Dict::new().with("ask", "pin"))) })
    }

    fn answer(&mut self, signature: Secret, _: Dict) -> LoginStep<'_> {
        Box::pin(async move {
            match self.expected {
                Expected::Pin => Ok(self.ask_for_code(&signature)),
                Expected::Code { index, was_pin_right } => self.judge(index, was_pin_right, &signature),
            }
        })
    }
}

impl Visit {
    fn ask_for_code(&mut self, pin: &Secret) -> LoginNext {
        // Secrets are compared in a time that does not tell where they differ.
        let was_pin_right = self.person.as_ref().is_some_and(|person| person.pin == *pin);
        // Only who has the PIN uses up codes, so that nobody else can empty a list.
        let used = usize::from(was_pin_right);
        let index = self.person.as_ref().map_or(0, |person| person.asked.fetch_add(used, Ordering::Relaxed));
        self.expected = Expected::Code { index, was_pin_right };
        LoginNext::Challenge(Dict::new().with("ask", "code").with("number", index as u64 + 1))
    }

    fn judge(&self, index: usize, was_pin_right: bool, code: &Secret) -> Result<LoginNext, NotGranted> {
        let failed = |why: &str| Err(NotGranted::Failed(why.to_owned()));
        let Some(person) = self.person.as_ref() else { return failed("no such client") };
        if !was_pin_right {
            return failed("wrong pin");
        }
        match person.codes.get(index) {
            None => Err(NotGranted::Denied {
                uri: "com.example.list_used_up".to_owned(),
                message: "your list of codes is used up: ask for another one".to_owned(),
            }),
            Some(expected) if expected == code => {
                let left = person.codes.len() - index - 1;
                let extra = Dict::new().with("codes_left", left as u64);
                Ok(LoginNext::Admit(Granted { authrole: "visitor".to_owned(), extra, ..Granted::default() }))
            }
            Some(_) => failed("wrong code"),
        }
    }
}
