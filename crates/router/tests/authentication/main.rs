//! Who may join: every method, right and wrong, with our own client and by hand.

mod asked;
mod causes;
mod cookies;
mod exchange;
mod methods;
mod minimum;
mod node;
mod own;
mod tls;
mod tls_unique;
