//! What a contract consists of, and the macros by which contracts are written.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Who answers a procedure, or publishes an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The node's controller.
    Node,
    /// The controller and every native worker, each for its own process.
    Process,
    /// Every native worker.
    Worker,
    /// Router workers.
    Router,
    /// Proxy workers.
    Proxy,
    /// Container workers.
    Container,
    /// Host monitors.
    HostMonitor,
    /// WebSocket testees.
    Testee,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Scope; 8] = [
        Scope::Node,
        Scope::Process,
        Scope::Worker,
        Scope::Router,
        Scope::Proxy,
        Scope::Container,
        Scope::HostMonitor,
        Scope::Testee,
    ];

    /// What stands before the names: of the worker of this id, or of the controller.
    pub fn prefix(worker: Option<&str>) -> String {
        match worker {
            None => "crossbar".to_owned(),
            Some(id) => format!("crossbar.worker.{id}"),
        }
    }
}

/// A procedure as it is documented.
#[derive(Debug)]
pub struct Contract {
    /// Who answers.
    pub scope: Scope,
    /// Its name, behind the prefix of the scope.
    pub name: &'static str,
    /// What it does, line by line.
    pub doc: &'static [&'static str],
    /// Its arguments, in order.
    pub arguments: &'static [Argument],
    /// The Rust type of its result.
    pub result: &'static str,
    /// The URIs of its own errors. Every procedure can also answer `crossbar.error.invalid_argument`.
    pub errors: &'static [&'static str],
    /// The names of the events that it leads to.
    pub events: &'static [&'static str],
}

/// An argument of a procedure, or a field of an object.
#[derive(Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its Rust type.
    pub kind: &'static str,
    /// The attributes of the field, among them its documentation.
    pub attributes: &'static [&'static str],
}

impl Argument {
    /// Whether it can be left out.
    pub fn has_default(&self) -> bool {
        self.attributes.iter().any(|it| it.starts_with("serde(default"))
    }
}

/// An event as it is documented.
#[derive(Debug)]
pub struct Event {
    /// Who publishes it.
    pub scope: Scope,
    /// Its name, behind the prefix of the scope.
    pub name: &'static str,
    /// What it tells, line by line.
    pub doc: &'static [&'static str],
    /// The Rust type of its argument, or a tuple of several; empty if there is none.
    pub payload: &'static str,
    /// Whether it is told to everybody. If not, whoever has called the procedure that led to it does not hear of it.
    pub is_for_all: bool,
}

/// An object in results and events, as it is documented.
#[derive(Debug)]
pub struct Shape {
    /// Its Rust type.
    pub name: &'static str,
    /// What it is, line by line.
    pub doc: &'static [&'static str],
    /// Its keys.
    pub fields: &'static [Argument],
}

/// A procedure: the type is its arguments.
pub trait Procedure: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it answers.
    type Result: Serialize + DeserializeOwned + Send + 'static;
    /// The contract.
    const CONTRACT: Contract;
}

/// An object in results and events.
pub trait Object {
    /// What is in it.
    const SHAPE: Shape;
}

/// Writes procedures: documentation, name, arguments, result, errors, events.
macro_rules! procedures {
    ($scope:ident: $(
        $(#[doc = $doc:literal])*
        $name:literal $type:ident { $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)? } -> $result:ty
        $(, errors [$($error:expr),*])? $(, events [$($event:literal),*])?;
    )+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $type { $($(#[$meta])* pub $field: $kind,)* }

            impl $crate::Procedure for $type {
                type Result = $result;
                const CONTRACT: $crate::Contract = $crate::Contract {
                    scope: $crate::Scope::$scope,
                    name: $name,
                    doc: &[$($doc),*],
                    arguments: &[$($crate::Argument {
                        name: stringify!($field),
                        kind: stringify!($kind),
                        attributes: &[$(stringify!($meta)),*],
                    }),*],
                    result: stringify!($result),
                    errors: &[$($($error),*)?],
                    events: &[$($($event),*)?],
                };
            }
        )+

        /// The procedures of this module.
        pub(crate) const PROCEDURES: &[&$crate::Contract] = &[$(&<$type as $crate::Procedure>::CONTRACT),+];
    };
}

/// Writes objects: documentation and keys.
macro_rules! objects {
    ($($(#[doc = $doc:literal])* $type:ident { $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)? })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            pub struct $type { $($(#[$meta])* pub $field: $kind,)* }

            impl $crate::Object for $type {
                const SHAPE: $crate::Shape = $crate::Shape {
                    name: stringify!($type),
                    doc: &[$($doc),*],
                    fields: &[$($crate::Argument {
                        name: stringify!($field),
                        kind: stringify!($kind),
                        attributes: &[$(stringify!($meta)),*],
                    }),*],
                };
            }
        )*

        /// The objects of this module.
        pub(crate) const SHAPES: &[&$crate::Shape] = &[$(&<$type as $crate::Object>::SHAPE),*];
    };
}

/// Writes events: documentation, constant, name, argument, and `to all` if the caller hears of it too.
macro_rules! events {
    ($scope:ident: $($(#[doc = $doc:literal])* $constant:ident = $name:literal ($($payload:ty)?) $(to $all:ident)?;)*) => {
        $(
            $(#[doc = $doc])*
            pub const $constant: $crate::Event = $crate::Event {
                scope: $crate::Scope::$scope,
                name: $name,
                doc: &[$($doc),*],
                payload: concat!($(stringify!($payload))?),
                is_for_all: !concat!($(stringify!($all))?).is_empty(),
            };
        )*

        /// The events of this module.
        pub(crate) const EVENTS: &[&$crate::Event] = &[$(&$constant),*];
    };
}

pub(crate) use {events, objects, procedures};
