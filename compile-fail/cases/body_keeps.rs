//! The frame that a body gets is lent to it.
//@ frame: E0521 "borrowed data escapes outside of closure"

use support::*;

pub fn handler<P: Arm64Port>(taken: Taken<'_, P, El1Abort>) -> Restored<'_, P, El1Abort> {
    let mut address = None;
    let mut kept: Option<&mut Frame> = None;
    let x = taken.enter().open();
    let x = x.run(|cpu, frame| {
        address = Some(frame.fault_address);
        #[cfg(bad = "frame")]
        {
            kept = Some(frame);
        }
        cpu
    });
    drop((address, kept));
    x.mask().prepare().restore()
}
