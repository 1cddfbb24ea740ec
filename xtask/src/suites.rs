//! Which boot tests there are for which kernel, and on what machine.

use crate::backend::Backend;
use crate::boot_test::{BootTest, On};
use crate::boots::BOOT_TESTS;
use crate::build::Build;
use crate::mte_boots::MTE_TESTS;
use crate::new_cpu_boots::NEW_CPU_TESTS;
use crate::nmi_boots::{BLIND_TESTS, NMI_TESTS};
use crate::report_boots::REPORT_TESTS;
use crate::shim_boots::SHIM_TESTS;

/// Tests of one kind.
struct Suite {
    tests: &'static [BootTest],
    on: On,
    of: Of,
}

/// Which kernels have what they are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Any,
    Nmis,
    NoNmis,
    Tags,
}

/// In the order they run.
const SUITES: [Suite; 7] = [
    Suite { tests: BOOT_TESTS, on: On::Usual, of: Of::Any },
    Suite { tests: BLIND_TESTS, on: On::Usual, of: Of::NoNmis },
    Suite { tests: NMI_TESTS, on: On::Usual, of: Of::Nmis },
    Suite { tests: MTE_TESTS, on: On::Usual, of: Of::Tags },
    Suite { tests: NEW_CPU_TESTS, on: On::NewCpu, of: Of::Any },
    Suite { tests: SHIM_TESTS, on: On::BehindShim, of: Of::Any },
    Suite { tests: REPORT_TESTS, on: On::Usual, of: Of::Any },
];

impl Suite {
    /// Whether such a kernel has what it is about.
    fn is_for(&self, build: Build) -> bool {
        match self.of {
            Of::Any => true,
            Of::Nmis => build.backend != Backend::Daif,
            Of::NoNmis => build.backend == Backend::Daif,
            Of::Tags => build.mte,
        }
    }

    fn tests_of(&self, build: Build) -> impl Iterator<Item = (On, &'static BootTest)> {
        self.tests.iter().filter(move |test| test.is_for(build)).map(|test| (self.on, test))
    }
}

/// The tests that such a kernel can be booted for, and where.
pub fn tests_of(build: Build) -> impl Iterator<Item = (On, &'static BootTest)> {
    SUITES.iter().filter(move |suite| suite.is_for(build)).flat_map(move |suite| suite.tests_of(build))
}

/// Only those that are about what the usual kernel has not.
pub fn special_tests_of(build: Build) -> impl Iterator<Item = (On, &'static BootTest)> {
    let special = SUITES.iter().filter(|suite| matches!(suite.of, Of::Nmis | Of::Tags));
    special.filter(move |suite| suite.is_for(build)).flat_map(move |suite| suite.tests_of(build))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_have_names_of_their_own_and_a_program() {
        let all: Vec<_> = SUITES.iter().flat_map(|suite| suite.tests).collect();
        assert!(all.iter().all(|test| !test.program().is_empty()));
        let mut names: Vec<_> = all.iter().map(|test| test.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
