//! The CPU, with its mask writes counted: what the checked build runs on.

use vestibule_arm64::breakpoints::{Kind, MOST, Point};
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::{Hardware, Real, Thread};

use crate::statistics::MASK_WRITES;

/// [`Real`], counting.
#[derive(Debug)]
pub enum Counted {}

// SAFETY: every promise is `Real`'s, to which every call goes.
unsafe impl Hardware for Counted {
    #[inline(always)]
    fn daif() -> u64 {
        Real::daif()
    }
    #[inline(always)]
    unsafe fn write_daif(daif: u64) {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::write_daif(daif) }
    }
    #[inline(always)]
    unsafe fn daif_set<const BITS: u32>() {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::daif_set::<BITS>() }
    }
    #[inline(always)]
    unsafe fn daif_clear<const BITS: u32>() {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::daif_clear::<BITS>() }
    }
    #[inline(always)]
    fn pmr() -> u64 {
        Real::pmr()
    }
    #[inline(always)]
    unsafe fn set_pmr<const PRIORITY: u64>() {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::set_pmr::<PRIORITY>() }
    }
    #[inline(always)]
    unsafe fn allint_set() {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::allint_set() }
    }
    #[inline(always)]
    unsafe fn allint_clear() {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::allint_clear() }
    }
    #[inline(always)]
    fn allint() -> u64 {
        Real::allint()
    }
    #[inline(always)]
    unsafe fn write_allint(allint: u64) {
        MASK_WRITES.add();
        // SAFETY: the caller's.
        unsafe { Real::write_allint(allint) }
    }
    #[inline(always)]
    fn elr() -> u64 {
        Real::elr()
    }
    #[inline(always)]
    fn spsr() -> u64 {
        Real::spsr()
    }
    #[inline(always)]
    fn esr() -> u64 {
        Real::esr()
    }
    #[inline(always)]
    fn far() -> u64 {
        Real::far()
    }
    #[inline(always)]
    fn sp_el0() -> u64 {
        Real::sp_el0()
    }
    #[inline(always)]
    unsafe fn set_elr(pc: u64) {
        // SAFETY: the caller's.
        unsafe { Real::set_elr(pc) }
    }
    #[inline(always)]
    unsafe fn set_spsr(pstate: u64) {
        // SAFETY: the caller's.
        unsafe { Real::set_spsr(pstate) }
    }
    #[inline(always)]
    fn set_sp_el0(sp: u64) {
        Real::set_sp_el0(sp);
    }
    #[inline(always)]
    unsafe fn change_mdscr(changed: u64, to: u64) {
        // SAFETY: the caller's.
        unsafe { Real::change_mdscr(changed, to) }
    }
    #[inline(always)]
    unsafe fn set_point(kind: Kind, number: usize, point: Point) {
        // SAFETY: the caller's.
        unsafe { Real::set_point(kind, number, point) }
    }
    fn clear_points() {
        Real::clear_points();
    }
    #[inline(always)]
    unsafe fn set_points(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]) {
        // SAFETY: the caller's.
        unsafe { Real::set_points(kind, before, after) }
    }
    #[inline(always)]
    fn current() -> *const Thread {
        Real::current()
    }
    #[inline(always)]
    unsafe fn set_current(thread: *const Thread) {
        // SAFETY: the caller's.
        unsafe { Real::set_current(thread) }
    }
    #[inline(always)]
    fn stack_pointer() -> u64 {
        Real::stack_pointer()
    }
    #[inline(always)]
    unsafe fn on_irq_stack<Body: FnOnce()>(top: u64, f: Body) {
        // SAFETY: the caller's.
        unsafe { Real::on_irq_stack(top, f) }
    }
    #[inline(always)]
    unsafe fn switch(from: &Thread, to: &Thread) {
        // SAFETY: the caller's.
        unsafe { Real::switch(from, to) }
    }
    #[inline(always)]
    unsafe fn prepare(thread: &Thread, start: extern "C" fn(usize, usize) -> !, first: usize, second: usize) {
        // SAFETY: the caller's.
        unsafe { Real::prepare(thread, start, first, second) }
    }
    #[inline(always)]
    fn store_fpsimd(to: &mut Fpsimd) {
        Real::store_fpsimd(to);
    }
    #[inline(always)]
    fn load_fpsimd(from: &Fpsimd) {
        Real::load_fpsimd(from);
    }
    #[inline(always)]
    fn icc_iar1() -> u64 {
        Real::icc_iar1()
    }
    #[inline(always)]
    fn set_icc_eoir1(interrupt: u64) {
        Real::set_icc_eoir1(interrupt);
    }
    #[inline(always)]
    fn icc_iar0() -> u64 {
        Real::icc_iar0()
    }
    #[inline(always)]
    fn set_icc_eoir0(interrupt: u64) {
        Real::set_icc_eoir0(interrupt);
    }
    #[inline(always)]
    fn icc_nmiar1() -> u64 {
        Real::icc_nmiar1()
    }
    #[inline(always)]
    fn icc_rpr() -> u64 {
        Real::icc_rpr()
    }
    #[inline(always)]
    fn isr() -> u64 {
        Real::isr()
    }
    #[inline(always)]
    fn tfsre0() -> u64 {
        Real::tfsre0()
    }
    #[inline(always)]
    fn set_tfsre0(faults: u64) {
        Real::set_tfsre0(faults);
    }
    #[inline(always)]
    fn tfsr() -> u64 {
        Real::tfsr()
    }
    #[inline(always)]
    fn set_tfsr(faults: u64) {
        Real::set_tfsr(faults);
    }
    #[inline(always)]
    fn set_tco<const ON: bool>() {
        Real::set_tco::<ON>();
    }
    #[inline(always)]
    unsafe fn set_user_tag_checks(checks: u64, excluded: u64) {
        // SAFETY: the caller's.
        unsafe { Real::set_user_tag_checks(checks, excluded) }
    }
    #[inline(always)]
    fn dsb() {
        Real::dsb();
    }
    #[inline(always)]
    fn isb() {
        Real::isb();
    }
    #[inline(always)]
    fn wait_for_interrupt() {
        Real::wait_for_interrupt();
    }
}
