//! Known encodings, assembled by LLVM (`allint`, `pan` and `ldlar` by hand from the manual).

use super::*;

const NONE: Effects = Effects { mask_write: None, barrier: false, load: false, store: false };
const DAIF: Effects = Effects { mask_write: Some(Mask::Daif), ..NONE };
const PMR: Effects = Effects { mask_write: Some(Mask::Pmr), ..NONE };
const ALLINT: Effects = Effects { mask_write: Some(Mask::Allint), ..NONE };
const BARRIER: Effects = Effects { barrier: true, ..NONE };
const LOAD: Effects = Effects { load: true, ..NONE };
const STORE: Effects = Effects { store: true, ..NONE };
const BOTH: Effects = Effects { load: true, store: true, ..NONE };

#[rustfmt::skip]
const KNOWN: &[(u32, Effects)] = &[
    (0xd503_43df, DAIF), // msr daifset, #3
    (0xd503_4fff, DAIF), // msr daifclr, #15
    (0xd51b_4223, DAIF), // msr daif, x3
    (0xd518_4605, PMR), // msr S3_0_C4_C6_0, x5
    (0xd53b_4220, NONE), // mrs x0, daif
    (0xd538_4600, NONE), // mrs x0, S3_0_C4_C6_0
    (0xd500_41bf, NONE), // msr spsel, #1
    (0xd503_3fdf, BARRIER), // isb
    (0xd503_3f9f, BARRIER), // dsb sy
    (0xd503_3b9f, BARRIER), // dsb ish
    (0xd503_3a3f, BARRIER), // dsb ishnxs
    (0xd503_39bf, BARRIER), // dmb ishld
    (0xd503_30ff, NONE), // sb
    (0xd503_3f5f, NONE), // clrex
    (0xd503_221f, NONE), // esb
    (0xd503_229f, NONE), // csdb
    (0xd503_201f, NONE), // nop
    (0xf940_0020, LOAD), // ldr x0, [x1]
    (0xb840_4c20, LOAD), // ldr w0, [x1, #4]!
    (0xf840_8420, LOAD), // ldr x0, [x1], #8
    (0x3862_6820, LOAD), // ldrb w0, [x1, x2]
    (0xb980_0420, LOAD), // ldrsw x0, [x1, #4]
    (0x39c0_0020, LOAD), // ldrsb w0, [x1]
    (0x7980_0020, LOAD), // ldrsh x0, [x1]
    (0xf840_0820, LOAD), // ldtr x0, [x1]
    (0xf85f_8020, LOAD), // ldur x0, [x1, #-8]
    (0x5800_0a60, LOAD), // ldr x0, label
    (0x9c00_0a40, LOAD), // ldr q0, label
    (0x9800_0a20, LOAD), // ldrsw x0, label
    (0xd800_0a00, NONE), // prfm pldl1keep, label
    (0xf980_0000, NONE), // prfm pldl1keep, [x0]
    (0xf89f_f000, NONE), // prfum pldl1keep, [x0, #-1]
    (0xf8a1_6800, NONE), // prfm pldl1keep, [x0, x1]
    (0xf900_0020, STORE), // str x0, [x1]
    (0xf81f_0c20, STORE), // str x0, [x1, #-16]!
    (0x3800_1420, STORE), // strb w0, [x1], #1
    (0x7822_6820, STORE), // strh w0, [x1, x2]
    (0xf800_0820, STORE), // sttr x0, [x1]
    (0xf81f_8020, STORE), // stur x0, [x1, #-8]
    (0xa8c1_07e0, LOAD), // ldp x0, x1, [sp], #16
    (0xa941_7bfd, LOAD), // ldp x29, x30, [sp, #16]
    (0x6940_0440, LOAD), // ldpsw x0, x1, [x2]
    (0xa840_0440, LOAD), // ldnp x0, x1, [x2]
    (0xa9bf_07e0, STORE), // stp x0, x1, [sp, #-16]!
    (0xad00_07e0, STORE), // stp q0, q1, [sp]
    (0xad40_07e0, LOAD), // ldp q0, q1, [sp]
    (0xa800_07e0, STORE), // stnp x0, x1, [sp]
    (0x6900_07e0, STORE), // stgp x0, x1, [sp]
    (0x3dc0_0000, LOAD), // ldr q0, [x0]
    (0x3d80_0000, STORE), // str q0, [x0]
    (0xfd40_0400, LOAD), // ldr d0, [x0, #8]
    (0x3d00_0000, STORE), // str b0, [x0]
    (0x3c9f_0000, STORE), // stur q0, [x0, #-16]
    (0x3cdf_0000, LOAD), // ldur q0, [x0, #-16]
    (0x4c40_7000, LOAD), // ld1 {v0.16b}, [x0]
    (0x4c9f_7000, STORE), // st1 {v0.16b}, [x0], #16
    (0x0d40_0400, LOAD), // ld1 {v0.b}[1], [x0]
    (0x0d00_0400, STORE), // st1 {v0.b}[1], [x0]
    (0xc85f_7c20, LOAD), // ldxr x0, [x1]
    (0xc800_7c41, STORE), // stxr w0, x1, [x2]
    (0xc87f_8440, LOAD), // ldaxp x0, x1, [x2]
    (0xc820_8861, STORE), // stlxp w0, x1, x2, [x3]
    (0xc8df_fc20, LOAD), // ldar x0, [x1]
    (0xc89f_fc20, STORE), // stlr x0, [x1]
    (0xc8a0_7c41, BOTH), // cas x0, x1, [x2]
    (0x88e0_fc41, BOTH), // casal w0, w1, [x2]
    (0x08a0_7c41, BOTH), // casb w0, w1, [x2]
    (0x4860_fc82, BOTH), // caspal x0, x1, x2, x3, [x4]
    (0x0820_7c82, BOTH), // casp w0, w1, w2, w3, [x4]
    (0xf820_0041, BOTH), // ldadd x0, x1, [x2]
    (0xf8e0_1041, BOTH), // ldclral x0, x1, [x2]
    (0xb820_303f, BOTH), // stset w0, [x1]
    (0xf8e0_8041, BOTH), // swpal x0, x1, [x2]
    (0xf8bf_c020, LOAD), // ldapr x0, [x1]
    (0xd940_1020, LOAD), // ldapur x0, [x1, #1]
    (0xd900_1020, STORE), // stlur x0, [x1, #1]
    (0x9980_0020, LOAD), // ldapursw x0, [x1]
    (0xf820_0420, LOAD), // ldraa x0, [x1]
    (0xd960_0020, LOAD), // ldg x0, [x1]
    (0xd920_0820, STORE), // stg x0, [x1]
    (0xd9a0_2420, STORE), // st2g x0, [x1], #32
    (0xd960_1c20, STORE), // stzg x0, [x1, #16]!
    (0xd9e0_0020, LOAD), // ldgm x0, [x1]
    (0xd9a0_0020, STORE), // stgm x0, [x1]
    (0xd920_0020, STORE), // stzgm x0, [x1]
    (0x1901_0440, BOTH), // cpyfp [x0]!, [x1]!, x2!
    (0x19c2_0420, STORE), // setp [x0]!, x1!, x2
    (0xf83f_d100, LOAD), // ld64b x0, [x8]
    (0xf83f_9100, STORE), // st64b x0, [x8]
    (0xf821_b100, STORE), // st64bv x1, x0, [x8]
    (0x8b02_0020, NONE), // add x0, x1, x2
    (0x9100_001f, NONE), // mov sp, x0
    (0xd538_5200, NONE), // mrs x0, esr_el1
    (0x1400_0010, NONE), // b label
    (0xd400_0001, NONE), // svc #0
    (0xd69f_03e0, NONE), // eret
    (0xd69f_0bff, NONE), // eretaa
    (0xd69f_0fff, NONE), // eretab
    (0xd65f_03c0, NONE), // ret
    (0xd503_281f, NONE), // hint #64
    (0xd503_2bff, NONE), // hint #95
    (0xd503_2c1f, NONE), // hint #96
    (0xd503_2c3f, NONE), // hint #97
    (0xd503_27ff, NONE), // hint #63
    (0xd503_261f, NONE), // hint #48
    (0xd50b_7420, NONE), // dc zva, x0
    (0x4ea2_8420, NONE), // add v0.4s, v1.4s, v2.4s
    (0x9e66_0020, NONE), // fmov x0, d1
    (0xd280_0020, NONE), // movz x0, #1
    (0xd501_411f, ALLINT), // msr allint, #1
    (0xd501_401f, ALLINT), // msr allint, #0
    (0xd518_4307, ALLINT), // msr allint, x7
    (0xd500_419f, NONE), // msr pan, #1
    (0xc8df_7c20, LOAD), // ldlar x0, [x1]
];

#[test]
fn known_encodings_have_their_effects() {
    for &(word, expected) in KNOWN {
        assert_eq!(effects(word), expected, "{word:#010x}");
    }
}

#[test]
fn exception_returns_are_eret_with_and_without_pointer_authentication() {
    for word in [0xd69f_03e0, 0xd69f_0bff, 0xd69f_0fff] {
        assert!(is_exception_return(word), "{word:#010x}");
    }
    for word in [0xd65f_03c0, 0xd61f_0000, 0xd6bf_03e0] {
        assert!(!is_exception_return(word), "{word:#010x}"); // RET, BR X0, DRPS
    }
}

#[test]
fn marks_are_hints_64_to_97() {
    let hint = |number: u32| 0xd503_201f | number << 5;
    assert_eq!(mark(hint(64)), Some(Mark::Begin(0)));
    assert_eq!(mark(hint(95)), Some(Mark::Begin(31)));
    assert_eq!(mark(hint(96)), Some(Mark::End));
    assert_eq!(mark(hint(97)), Some(Mark::Round));
    for other in [0, 3, 25, 48, 50, 63, 98, 127] {
        assert_eq!(mark(hint(other)), None, "hint #{other}");
    }
    assert_eq!(mark(0xd503_201e), None);
}
