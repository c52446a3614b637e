//! What this machine is.

/// The CPU's name where the operating system tells it, else the architecture.
pub(crate) fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.or_else(sysctl).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The same on macOS.
fn sysctl() -> Option<String> {
    let output =
        std::process::Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
