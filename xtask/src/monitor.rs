//! The machine as QEMU's monitor shows it: what every CPU was doing when a kernel hung.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::symbols::Symbols;

/// QEMU answers at once or never.
const PATIENCE: Duration = Duration::from_secs(5);

/// Deeper stacks repeat themselves.
const DEEPEST: usize = 32;

/// A connection to a running QEMU's machine protocol.
pub struct Monitor {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects to the QEMU that listens at `socket`.
    pub fn connect(socket: &Path) -> Result<Self> {
        let writer = UnixStream::connect(socket).context("cannot reach QEMU's monitor")?;
        writer.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(writer.try_clone()?);
        let mut monitor = Self { writer, reader };
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Stops the machine and describes each of its `cpus`: registers, and the call stack with names.
    pub fn report(&mut self, cpus: u32, symbols: &Symbols) -> Result<String> {
        self.execute("stop", json!({}))?;
        let mut report = String::new();
        for cpu in 0..cpus {
            let registers = self.ask(cpu, "info registers")?;
            writeln!(report, "{}", registers.trim_end())?;
            for (depth, address) in self.call_stack(cpu, &registers)?.into_iter().enumerate() {
                // A return address follows the call; the call is what one wants to see.
                let place = if depth == 0 { address } else { address.wrapping_sub(4) };
                for name in symbols.describe(place) {
                    writeln!(report, "  {depth:2} {address:016x} {name}")?;
                }
            }
        }
        Ok(report)
    }

    /// Ends QEMU.
    pub fn quit(&mut self) -> Result<()> {
        self.execute("quit", json!({})).map(drop)
    }

    /// The program counter and the return addresses above it, as far as frame records lead.
    fn call_stack(&mut self, cpu: u32, registers: &str) -> Result<Vec<u64>> {
        let mut stack: Vec<u64> = register(registers, "PC").into_iter().collect();
        let mut frame = register(registers, "X29").unwrap_or(0);
        while frame != 0 && frame.is_multiple_of(8) && stack.len() < DEEPEST {
            let words = self.ask(cpu, &format!("x/2gx {frame:#x}"))?;
            let Some([next, return_address]) = frame_record(&words) else { break };
            if return_address == 0 {
                break;
            }
            stack.push(return_address);
            frame = next;
        }
        Ok(stack)
    }

    /// Has a line of the human monitor's language carried out as seen from one CPU.
    fn ask(&mut self, cpu: u32, line: &str) -> Result<String> {
        let answer = self.execute("human-monitor-command", json!({ "command-line": line, "cpu-index": cpu }))?;
        Ok(answer.as_str().unwrap_or_default().replace('\r', ""))
    }

    fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        writeln!(self.writer, "{}", json!({ "execute": command, "arguments": arguments }))?;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).with_context(|| format!("no answer to {command}"))? == 0 {
                bail!("QEMU ended during {command}");
            }
            let mut message: Value = serde_json::from_str(&line)?;
            if let Some(error) = message.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            // The greeting and events have no `return`.
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
        }
    }
}

/// The value of the register `name` in a dump: ` NAME=hexadecimal`.
fn register(dump: &str, name: &str) -> Option<u64> {
    let value = dump.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    u64::from_str_radix(value, 16).ok()
}

/// The two words in `address: 0xword 0xword`: the caller's frame record and the return address.
fn frame_record(line: &str) -> Option<[u64; 2]> {
    let (_, words) = line.split_once(':')?;
    let mut words = words.split_whitespace().map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    Some([words.next()??, words.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_registers_from_a_dump() {
        let dump = "\nCPU#0\n PC=0000000040200010 X00=0000000048000000 X01=0000000000000000\n\
                    X28=0000000000000000 X29=00000000402ffff0 X30=0000000040200abc  SP=00000000402ffff0\n\
                    PSTATE=600003c5 -ZC- EL1h\n";
        assert_eq!(register(dump, "PC"), Some(0x4020_0010));
        assert_eq!(register(dump, "X29"), Some(0x402f_fff0));
        assert_eq!(register(dump, "X31"), None);
    }

    #[test]
    fn reads_frame_records() {
        let line = "00000000402ffff0: 0x0000000040300000 0x0000000040200abc\n";
        assert_eq!(frame_record(line), Some([0x4030_0000, 0x4020_0abc]));
        assert_eq!(frame_record("Cannot access memory\n"), None);
    }
}
