//! What everybody may look at: the live view of the engine, the configuration in force, and the last
//! runs of each probe.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use watchbell_config::Config;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Observation;
use watchbell_engine::rotation::Change;
use watchbell_engine::view::LiveView;
use watchbell_engine::word::{Level, Outcome};

/// How many runs of each probe are kept in memory for screens.
const RUNS_KEPT: usize = 60;

/// The shared handle; cheap to clone through its `Arc`.
#[derive(Debug)]
pub struct Live {
    /// What the engine made of things, as of the last commit.
    pub view: ArcSwap<LiveView>,
    /// The configuration in force.
    pub config: ArcSwap<Config>,
    /// The last runs.
    pub probes: ProbeBoard,
    /// Asks the process itself for something.
    pub control: mpsc::Sender<Control>,
    /// Asks the probers for a run out of turn.
    pub run_now: mpsc::Sender<RunRequest>,
}

/// What can be asked of the process.
#[derive(Debug)]
pub enum Control {
    /// Read the configuration again and put it in force, or change nothing.
    Reload {
        /// Even when it changes who is on duty now.
        accept_shift_change: bool,
        /// What came of it.
        reply: oneshot::Sender<Result<ReloadDone, ReloadRefused>>,
    },
}

/// A reload that took place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReloadDone {
    /// The revision in force.
    pub revision: String,
    /// Whether anything was different.
    pub changed: bool,
    /// What to know, one sentence each.
    pub notes: Vec<String>,
    /// Who is on duty differently in the next 14 days.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// A reload that changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{summary}")]
pub struct ReloadRefused {
    /// In one sentence.
    pub summary: String,
    /// Each mistake, with its place, as `check` prints it.
    pub mistakes: Vec<String>,
    /// It would change who is on duty now; ask again with `--accept-shift-change`.
    pub shift_change: bool,
    /// Who would be on duty differently in the next 14 days.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// A run out of turn; its result counts like any other.
#[derive(Debug)]
pub struct RunRequest {
    /// Which probe.
    pub probe: ProbeId,
    /// The observation; dropped where there is no such probe.
    pub reply: oneshot::Sender<Observation>,
}

/// The last runs of every probe.
#[derive(Debug, Default)]
pub struct ProbeBoard(Mutex<BTreeMap<ProbeId, ProbeLive>>);

/// The last runs of one probe.
#[derive(Clone, Debug, Default)]
pub struct ProbeLive {
    /// The newest run.
    pub last: Option<Arc<Observation>>,
    /// What detection in this process believes; `None` until it has settled.
    pub level: Option<Level>,
    /// Start, outcome and total milliseconds of the last runs, oldest first.
    pub recent: VecDeque<(Timestamp, Outcome, Option<f64>)>,
    /// When the last conclusive run started.
    pub conclusive_at: Option<Timestamp>,
}

impl ProbeBoard {
    /// Notes a run and what detection believes after it.
    pub fn record(&self, run: Arc<Observation>, level: Option<Level>) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live = board.entry(run.probe.clone()).or_default();
        if live.recent.len() == RUNS_KEPT {
            live.recent.pop_front();
        }
        live.recent.push_back((run.at, run.outcome, run.phases_ms.total));
        if run.outcome != Outcome::Inconclusive {
            live.conclusive_at = Some(run.at);
        }
        live.level = level;
        live.last = Some(run);
    }

    /// What is known of one probe.
    pub fn get(&self, probe: &ProbeId) -> Option<ProbeLive> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(probe).cloned()
    }

    /// Looks at all of them where they are; the probers wait meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&BTreeMap<ProbeId, ProbeLive>) -> T) -> T {
        at(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of all.
    pub fn all(&self) -> BTreeMap<ProbeId, ProbeLive> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets probes that are gone.
    pub fn keep(&self, wanted: impl Fn(&ProbeId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| wanted(id));
    }
}
