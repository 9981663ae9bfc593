//! How figures are headed and written.

use crate::outcome::Metric;

/// The heading of a figure's column.
pub(crate) fn heading(metric: Metric) -> &'static str {
    match metric {
        Metric::Rate => "per s",
        Metric::PerCpuSecond => "per server CPU s",
        Metric::CpuUs => "CPU us each",
        Metric::ServerCores => "server cores",
        Metric::GeneratorCores => "generator cores",
        Metric::OtherCores => "other cores",
        Metric::P50Us => "p50",
        Metric::P99Us => "p99",
        Metric::P999Us => "p99.9",
        Metric::MaxUs => "max",
        Metric::Lost => "lost",
        Metric::Repeated => "repeated",
        Metric::Errors => "errors",
        Metric::RssMib => "RSS MiB",
        Metric::RssBeforeMib => "RSS MiB before",
        Metric::RssAfterMib => "RSS MiB after",
        Metric::PssMib => "PSS MiB",
        Metric::SessionKib => "KiB per session",
        Metric::SubscriptionOctets => "octets per subscription",
        Metric::SubscribeUs => "CPU us per SUBSCRIBE",
        Metric::WelcomeMs => "ms to WELCOME",
        Metric::RestartMs => "ms from kill -9 to WELCOME",
        Metric::BinaryMib => "binary MiB",
        Metric::Processes => "processes",
        Metric::P99BeforeUs => "p99 before",
        Metric::GrowthMib => "RSS growth MiB",
        Metric::SlowLost => "slow one missed",
        Metric::SlowClosed => "slow one closed",
        Metric::HeldBackMib => "published MiB",
    }
}

/// A figure with its unit, three digits or so.
pub(crate) fn cell(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Rate | Metric::PerCpuSecond => count(value),
        Metric::P50Us | Metric::P99Us | Metric::P999Us | Metric::MaxUs | Metric::P99BeforeUs => {
            duration(value)
        }
        Metric::Lost | Metric::Repeated | Metric::Errors | Metric::SlowLost => count(value),
        Metric::Processes | Metric::SubscriptionOctets => format!("{value:.0}"),
        Metric::SlowClosed => if value > 0.0 { "yes" } else { "no" }.to_owned(),
        Metric::RssMib
        | Metric::RssBeforeMib
        | Metric::RssAfterMib
        | Metric::PssMib
        | Metric::BinaryMib
        | Metric::GrowthMib
        | Metric::HeldBackMib => format!("{value:.1}"),
        _ => digits(value),
    }
}

/// A count with k or M.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", digits(v / 1e6)),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 1e3 => format!("{:.1}k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

/// Microseconds, from a thousand on milliseconds.
fn duration(us: f64) -> String {
    if us >= 1e3 { format!("{} ms", digits(us / 1e3)) } else { format!("{us:.0} us") }
}

/// Three significant digits.
fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_about_three_digits() {
        assert_eq!(cell(Metric::PerCpuSecond, 2_345_678.0), "2.35M");
        assert_eq!(cell(Metric::Rate, 297_400.0), "297k");
        assert_eq!(cell(Metric::Rate, 7_340.0), "7.3k");
        assert_eq!(cell(Metric::P99Us, 141.4), "141 us");
        assert_eq!(cell(Metric::P99Us, 43_512.0), "43.5 ms");
        assert_eq!(cell(Metric::SlowClosed, 1.0), "yes");
        assert_eq!(cell(Metric::CpuUs, 0.1234), "0.12");
    }
}
