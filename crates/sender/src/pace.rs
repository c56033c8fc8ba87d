//! Waiting for a planned time, as exactly as is wanted.

use std::time::Duration;

use tokio::time::Instant;

/// How exactly planned times are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// By the runtime's clock, which ticks by whole milliseconds. It is the one that can be paused in
    /// tests, and the one where there is nothing better.
    Coarse,
    /// By a timer of the system, to about a tenth of a millisecond. It is there on Linux; elsewhere this
    /// is `Coarse`.
    Fine,
    /// As `Fine`, with the last [`SPIN`] spent asking the clock over and over: to some microseconds, for
    /// a core of its own at rates above a thousand a second.
    Precise,
}

/// How long before a planned time `Pacing::Precise` begins to ask the clock over and over. A machine that
/// sleeps wakes up late by less than this.
pub const SPIN: Duration = Duration::from_millis(1);

/// Waits for planned times.
#[derive(Debug)]
pub(crate) struct Pacer {
    timer: Option<timer::Timer>,
    spins: bool,
}

impl Pacer {
    /// Makes one, on a runtime that does IO.
    pub(crate) fn new(pacing: Pacing) -> Self {
        let timer = if pacing == Pacing::Coarse { None } else { timer::Timer::new() };
        Self { timer, spins: pacing == Pacing::Precise }
    }

    /// Waits until a time after the start. A time that no clock reaches does not come.
    pub(crate) async fn wait_until(&mut self, start: Instant, due: Duration) {
        let Some(time) = start.checked_add(due) else { return std::future::pending().await };
        loop {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if self.spins && left <= SPIN {
                // What else there is to do is done between two looks at the clock.
                tokio::task::yield_now().await;
                continue;
            }
            let until = if self.spins { time - SPIN } else { time };
            match &mut self.timer {
                Some(timer) => timer.sleep_until(until).await,
                None => tokio::time::sleep_until(until).await,
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    //! A timer of the system as a file, which the runtime waits for together with its sockets.

    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    #[derive(Debug)]
    pub(super) struct Timer {
        file: AsyncFd<OwnedFd>,
        /// The time that it is set to. A wait that is broken off and begun again, as one is whenever an
        /// answer comes, does not set it anew.
        set_to: Option<Instant>,
    }

    impl Timer {
        /// Makes one; none where the system has none to give.
        pub(super) fn new() -> Option<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags).ok()?;
            // What is unsound about it is a `T` whose descriptor changes; that of an owned file does not, and
            // the constructor that came in its place needs `unsafe`.
            #[expect(deprecated, reason = "sound for a file that is owned")]
            AsyncFd::with_interest(file, Interest::READABLE)
                .ok()
                .map(|file| Self { file, set_to: None })
        }

        /// Sleeps until a time, or less: whoever sleeps looks at the clock afterwards.
        pub(super) async fn sleep_until(&mut self, time: Instant) {
            if self.set_to != Some(time) {
                if self.set(time.saturating_duration_since(Instant::now())).is_err() {
                    return tokio::time::sleep_until(time).await;
                }
                self.set_to = Some(time);
            }
            let Ok(mut ready) = self.file.readable().await else {
                return tokio::time::sleep_until(time).await;
            };
            // The file is read empty, so that it does not stay ready. What it says, how often the time
            // was up, is of no interest, and neither is that another time has just been set.
            let _ = ready.try_io(|file| Ok(rustix::io::read(file, &mut [0_u8; 8])?));
            self.set_to = None;
        }

        fn set(&self, nap: Duration) -> rustix::io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            // A timer that is set to nothing would never ring.
            let nap = nap.max(Duration::from_nanos(1));
            let it_value = Timespec {
                tv_sec: i64::try_from(nap.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(nap.subsec_nanos()),
            };
            let value = Itimerspec { it_interval: zero, it_value };
            timerfd_settime(self.file.get_ref(), TimerfdTimerFlags::empty(), &value).map(|_| ())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use tokio::time::Instant;

    #[derive(Debug)]
    pub(super) enum Timer {}

    impl Timer {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) async fn sleep_until(&mut self, _: Instant) {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_pacing_is_ever_early() {
        for pacing in [Pacing::Coarse, Pacing::Fine, Pacing::Precise] {
            let mut pacer = Pacer::new(pacing);
            let start = Instant::now();
            for us in [0, 300, 700, 2_500] {
                let due = Duration::from_micros(us);
                pacer.wait_until(start, due).await;
                assert!(start.elapsed() >= due, "{pacing:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_wait_that_is_dropped_leaves_a_pacer_that_works() {
        let mut pacer = Pacer::new(Pacing::Fine);
        let start = Instant::now();
        let long = pacer.wait_until(start, Duration::from_secs(3600));
        assert!(tokio::time::timeout(Duration::from_millis(5), long).await.is_err());
        pacer.wait_until(start, Duration::from_millis(10)).await;
        assert!(start.elapsed() >= Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_coarse_one_keeps_to_a_clock_that_is_paused() {
        let start = Instant::now();
        Pacer::new(Pacing::Coarse).wait_until(start, Duration::from_secs(3600)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
    }
}
