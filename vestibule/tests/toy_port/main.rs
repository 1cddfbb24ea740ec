//! The generic half on the simplest machine there is: one mask, one stack, no NMIs. Its handlers end with the combined
//! exit, and whoever wants to port the library can begin here: `port` is the whole of it.

mod exits;
mod guards;
mod kernel;
mod model;
mod port;
mod tracking;
mod word;
