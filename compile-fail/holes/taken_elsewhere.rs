//! An exception that was taken holds no token until it is entered, and so it may be sent: another CPU could enter it.
//! Should be: as everything else that stands for this CPU, not `Send` (a `PhantomData<*mut ()>` in the net will do).
//@ sent: compiles

#![forbid(unsafe_code)]

use support::*;

fn sent<T: Send>() {}

pub fn elsewhere() {
    #[cfg(bad = "sent")]
    sent::<Taken<'static, SomePort, El1Abort>>();
}
