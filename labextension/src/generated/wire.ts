// Made by `jlpm types` from the shapes in server_ext/cnai_server_ext. Do not edit.

/**
 * What sort of workload it is.
 */
export type Kind = string;
/**
 * Queued, Starting, Running, then Succeeded, Failed or Stopped; Ready for endpoints.
 *
 * >>> Phase("Running").ended, Phase("Failed").ended
 * (False, True)
 * >>> Phase("Hibernating").label, Phase("Hibernating").value
 * ('unknown', 'Hibernating')
 */
export type Phase = string;

/**
 * What goes through the WebSocket `stream`, one JSON object a message.
 */
export interface Stream {
  spoken?:
    | Hello
    | SourceChanged
    | SourceGone
    | ServingChanged
    | RowsSnapshot
    | RowsChange
    | QuotaChange
    | JobUpdate
    | LogPiece
    | NotDone
    | Beat;
  heard?: Start | Look | Open | Close | Follow | Ack | Unfollow;
}
/**
 * The first message on a socket.
 *
 * Attributes:
 *     beat: seconds of silence after which a Beat comes.
 *     rest_after: seconds without input after which a page closes its socket; 0 is never.
 */
export interface Hello {
  type: 'hello';
  version: string;
  protocol: number;
  sources: Source[];
  serving: Serving;
  now: number;
  beat?: number;
  rest_after?: number;
}
/**
 * A place that the server watches: one backend, and what it can do.
 *
 * Attributes:
 *     name: the backend's, such as 'local'.
 *     place: for a person, such as 'this machine'.
 *     kinds: what it runs.
 *     problem: why it cannot be watched now, or None.
 *     since: Unix seconds since when it has been away, with a problem.
 */
export interface Source {
  id: string;
  name: string;
  place?: string;
  kinds?: string[];
  suspend?: boolean;
  outputs_as_folder?: boolean;
  problem?: Problem | null;
  since?: number;
  context?: string;
  namespace?: string;
}
/**
 * What happened, why, and what to do next.
 */
export interface Problem {
  what: string;
  why?: string;
  next_step?: string;
}
/**
 * Which backend notebooks that start from now on get, and why.
 *
 * Attributes:
 *     why: what chose it: 'default', 'configuration file' or 'CNAI_BACKEND'.
 *     source: the id of the place that serves, where it is watched.
 *     fixed: True where the environment decides, so that a switch would change nothing.
 *     choices: the ids of the places that may be chosen.
 */
export interface Serving {
  backend: string;
  why: string;
  source?: string;
  fixed?: boolean;
  choices?: string[];
}
/**
 * A place has come, gone away or come back.
 */
export interface SourceChanged {
  type: 'source';
  source: Source;
  now: number;
}
/**
 * A place is not watched any more: a cluster that was forgotten.
 */
export interface SourceGone {
  type: 'gone';
  source: string;
}
/**
 * The backend of notebooks to come was switched.
 */
export interface ServingChanged {
  type: 'serving';
  serving: Serving;
}
/**
 * All workloads of a source, newest first; what a page had before is void.
 */
export interface RowsSnapshot {
  type: 'snapshot';
  source: string;
  epoch: string;
  seq: number;
  rows: Row[];
  now: number;
}
/**
 * A workload as the list shows it.
 *
 * Attributes:
 *     short: the verdict of a failed one in at most 32 characters, or '' while nobody asked.
 *     spark: the last values of its first metric, oldest first, at most 24.
 */
export interface Row {
  workload: Workload;
  short?: string;
  spark?: (number | ('-Infinity' | 'Infinity' | 'NaN'))[];
}
/**
 * How a workload stands.
 *
 * Attributes:
 *     id: unique on its backend, for ever.
 *     name: unique among the workloads that exist on its backend.
 *     base: the name without the number added to a later run of the same name.
 *     place: 'this machine', or where on a cluster.
 *     message: what is known beyond the phase, in one sentence.
 *     reason: one CamelCase word behind the phase ('Timeout', 'WorkerFailed'), or ''.
 *     created, started, ended: Unix seconds.
 *     metrics: the last values that rank 0 reported.
 *     attempt: 0 for the first run.
 *     notices: what the SDK told its writer at the call, such as shared cores.
 *     managed: False when the SDK did not make it; then it is read-only.
 *     host, boot: the machine and its boot, for a store that several machines share.
 *     seq: its place in the backend's sequence of changes.
 */
export interface Workload {
  id: string;
  name: string;
  kind: Kind;
  phase: Phase;
  backend: string;
  base?: string;
  display_name?: string;
  place?: string;
  message?: string;
  reason?: string;
  created?: number;
  started?: number | null;
  ended?: number | null;
  replicas?: Replica[];
  progress?: Progress | null;
  metrics?: {
    [k: string]: number | ('-Infinity' | 'Infinity' | 'NaN');
  };
  resources?: Resources;
  granted?: Granted | null;
  queued?: Queued | null;
  attempt?: number;
  retries?: number;
  timeout?: number | null;
  origin?: Origin;
  labels?: {
    [k: string]: string;
  };
  notices?: string[];
  managed?: boolean;
  suspended?: boolean;
  host?: string;
  boot?: string;
  seq?: number;
}
/**
 * One worker.
 *
 * Attributes:
 *     cpu: cores in use, as sampled; None when not known.
 *     memory: bytes in use, as sampled; None when not known.
 *     exit_code: how it ended; negative is the number of a signal.
 *     metrics: the last values that this rank reported.
 */
export interface Replica {
  rank: number;
  phase?: Phase;
  cpu?: number | null;
  memory?: number | null;
  exit_code?: number | null;
  message?: string;
  metrics?: {
    [k: string]: number | ('-Infinity' | 'Infinity' | 'NaN');
  };
}
/**
 * How far it is: `done` of `total` `unit`s; a total of None is an unknown length.
 *
 * Attributes:
 *     since: Unix seconds from which its pace is measured; 0 when there is none to measure yet.
 *     begun: how much was done then: a run that goes on from a checkpoint has not done all of it.
 */
export interface Progress {
  done: number;
  total?: number | null;
  unit?: string;
  since?: number;
  begun?: number;
}
/**
 * What each worker asks for. None and 0 mean: not asked.
 *
 * Attributes:
 *     cpu: cores, fractions allowed.
 *     memory: bytes.
 *     gpu: devices; below 1 a share of one.
 *     gpu_memory: bytes of one device's memory; stands for a share.
 *     gpu_model: a device's name, such as 'A100'.
 *     isolation: what has to hold between those who share a device: 'hardware', 'memory' or
 *         'none'; never lowered without a word.
 */
export interface Resources {
  cpu?: number | null;
  memory?: number | null;
  gpu?: number;
  gpu_memory?: number | null;
  gpu_model?: string | null;
  isolation?: 'hardware' | 'memory' | 'none';
}
/**
 * What each worker really got, and how.
 *
 * Attributes:
 *     asked: the request in words.
 *     cpu, memory, gpu: what was granted per worker; None means no limit.
 *     gpu_granted: the devices in words, such as '1 × MIG 3g.40gb of NVIDIA A100'.
 *     isolation: what holds between those who share them: 'hardware', 'memory' or 'none'.
 *     how: one sentence per resource: what is enforced, by what, and what is not.
 *     devices: identifiers of the GPU devices or slices, per rank.
 *     quota_key: what it is charged to, such as 'requests.nvidia.com/gpu'.
 */
export interface Granted {
  asked?: string;
  cpu?: number | null;
  memory?: number | null;
  gpu?: number;
  gpu_memory?: number | null;
  gpu_granted?: string;
  isolation?: string;
  how?: string[];
  devices?: string[];
  quota_key?: string;
}
/**
 * Its place in line: position from 1, and what it waits for.
 */
export interface Queued {
  position: number;
  waits_for?: string;
}
/**
 * Where a workload was made: 'churn/cifar.ipynb', 'cell [12]', by whom.
 */
export interface Origin {
  notebook?: string;
  cell?: string;
  user?: string;
  sdk?: string;
}
/**
 * Workloads as they stand now, and ids that are gone, up to and including `seq`.
 */
export interface RowsChange {
  type: 'change';
  source: string;
  epoch: string;
  seq: number;
  now: number;
  rows?: Row[];
  deleted?: string[];
}
/**
 * What may be used in one place, and what is left.
 */
export interface QuotaChange {
  type: 'quota';
  source: string;
  quota: Quota;
  now: number;
  devices?: Device[];
}
/**
 * All resources of one place, its queues, and what could not be seen there.
 */
export interface Quota {
  backend: string;
  place: string;
  items?: QuotaItem[];
  unseen?: string[];
  lines?: Line[];
}
/**
 * One resource.
 *
 * Attributes:
 *     resource: 'cpu' (cores), 'memory' (bytes) or 'gpu' (devices), or a cluster's own key.
 *     limit: what may be used in all; None is unknown, never 'unlimited'.
 *     used, mine, queued, borrowed: amounts in the same unit.
 *     others: what processes outside the SDK use, when it can be seen; `used` has no part of it.
 *     lendable: what could be borrowed now beyond the limit.
 *     least, most: what one worker may ask for, where that is bounded.
 *     holders: who uses it, as far as that is visible.
 *     waiting: who waits for it.
 *     label: the words to show, such as 'GPU, NVIDIA A100'.
 *     unit: 'cores', 'bytes', 'GPUs', or '' for a plain number.
 *     source: what sets the limit, such as 'the quota team-a'.
 *     key: what it is charged to there, such as 'requests.nvidia.com/gpu'.
 */
export interface QuotaItem {
  resource: string;
  limit?: number | null;
  used?: number;
  mine?: number;
  others?: number;
  queued?: number;
  borrowed?: number;
  lendable?: number;
  least?: number | null;
  most?: number | null;
  holders?: Holder[];
  waiting?: Holder[];
  label?: string;
  unit?: string;
  source?: string;
  key?: string;
}
/**
 * A workload or person behind a number.
 *
 * Attributes:
 *     id: of the workload, or '' for one that is none of the SDK's list.
 *     mine: whether it was made here.
 *     position: its place in line, from 1, where it waits.
 *     ends: Unix seconds at which it has to end, where it has a deadline and runs.
 */
export interface Holder {
  name: string;
  amount: number;
  mine?: boolean;
  id?: string;
  position?: number | null;
  ends?: number | null;
}
/**
 * A queue that admits workloads.
 *
 * Attributes:
 *     waiting: how many wait in it, of whomever; None when that is not visible.
 *     mine: those of them that are known by name, from the head.
 *     stopped: why it admits nothing now, or ''.
 *     chosen: whether it is the one that was set for jobs that name none.
 *     items: what it has and what of that is used, where jobs go to it only by its name.
 */
export interface Line {
  name: string;
  waiting?: number | null;
  mine?: Holder[];
  stopped?: string;
  chosen?: boolean;
  items?: QuotaItem[];
}
/**
 * One GPU, or one slice of one.
 *
 * Attributes:
 *     id: a UUID, such as 'GPU-…' or 'MIG-…'.
 *     memory, memory_used: bytes.
 *     mechanism: how a share of it is made: 'whole', 'fraction', 'mps', 'mig', ….
 *     enforced: what holds the share.
 *     not_enforced: what does not.
 *     parent: the whole device's id, for a slice.
 *     free: the share of it that is not granted, 0 to 1.
 *     isolation: what holds between those who share it: 'hardware', 'memory' or 'none'.
 *     count: on a cluster, how many such there are; None when it cannot be seen.
 *     replicas: how many share one card; 0 when it cannot be seen.
 *     found: on a cluster, how it was found.
 */
export interface Device {
  id: string;
  model: string;
  memory: number;
  memory_used?: number;
  index?: number;
  mechanism?: string;
  profile?: string;
  enforced?: string;
  not_enforced?: string;
  parent?: string;
  free?: number;
  isolation?: string;
  count?: number | null;
  replicas?: number;
  found?: string;
}
/**
 * An opened job, with its row as it is now.
 *
 * Attributes:
 *     whole: everything is here, in place of what came before; at first, and when it has ended.
 *         Otherwise metrics and events are those that are new, and what is left out stays.
 */
export interface JobUpdate {
  type: 'job';
  source: string;
  id: string;
  job: Job;
  now: number;
  whole?: boolean;
}
/**
 * All that a page of one job shows, but for its log.
 *
 * Attributes:
 *     metrics: all ranks' reports, oldest first; in an update, those that came since.
 *     events: oldest first; in an update, those that came since.
 *     dropped: how many older reports were left out, evenly.
 *     older_events, more_outputs: how many of them are not here, since there are very many.
 */
export interface Job {
  row: Row;
  metrics?: Metric[];
  events?: Event[];
  diagnosis?: Diagnosis | null;
  result?: string | null;
  outputs?: OutputFile[];
  folder?: string;
  dropped?: number;
  older_events?: number;
  more_outputs?: number;
}
/**
 * One call of report(): the values of one step, from one rank.
 *
 * Attributes:
 *     values: name to value.
 *     step: the step given to report(), or None.
 *     time: Unix seconds on the worker.
 *     rank: which worker spoke; rank 0 speaks for the job.
 *     attempt: 0 for the first run, 1 after one retry.
 *     seq: position in the job's own sequence, from 1.
 */
export interface Metric {
  values: {
    [k: string]: number | ('-Infinity' | 'Infinity' | 'NaN');
  };
  step?: number | null;
  time?: number;
  rank?: number;
  attempt?: number;
  seq?: number;
}
/**
 * Something that happened to a workload, in the order it happened.
 *
 * Attributes:
 *     reason: one CamelCase word, as on Kubernetes ('Admitted', 'WorkerExited').
 *     message: a sentence.
 *     warning: True when a person should look.
 *     rank: the worker concerned, or None for the workload.
 *     time: Unix seconds.
 *     seq: position in the workload's own sequence, from 1.
 *     exit_code: how a process ended; negative is the number of a signal.
 */
export interface Event {
  reason: string;
  message?: string;
  warning?: boolean;
  rank?: number | null;
  time?: number;
  seq?: number;
  exit_code?: number | null;
}
/**
 * A verdict on a workload.
 *
 * Attributes:
 *     id: the catalogue row, such as 'OOM_KILLED'.
 *     short: at most 32 characters, for rows and notifications.
 *     happened: one sentence that names the worker.
 *     why: the reason, in people's words.
 *     fix: what to do; a change that can be made.
 *     code: the call that makes it, or ''.
 *     changes: the keyword arguments for `job.rerun(**changes)` when one button can do it.
 *     rank: the worker at the root, or None.
 *     cell: where in the notebook, such as 'cell [3]', or ''.
 */
export interface Diagnosis {
  id: string;
  short: string;
  happened: string;
  why?: string;
  fix?: string;
  code?: string;
  changes?: {
    [k: string]: unknown;
  };
  evidence?: Evidence[];
  rank?: number | null;
  cell?: string;
}
/**
 * One line that proves a verdict.
 *
 * Attributes:
 *     where: its place, such as 'worker 1, line 318' or 'cell [3], line 9'.
 *     text: the line itself, foreign text.
 *     root: False for what is only a consequence.
 *     rank, line: the place in the log, when it is a log line.
 */
export interface Evidence {
  where: string;
  text: string;
  root?: boolean;
  rank?: number | null;
  line?: number | null;
}
/**
 * A file that a workload wrote: its path relative to the outputs, and its size in bytes.
 */
export interface OutputFile {
  path: string;
  size: number;
}
/**
 * Lines of a followed log. The next piece comes when this one was acknowledged.
 *
 * Attributes:
 *     number: of the piece, from 1.
 *     done: the workload has ended, and this is its log's last piece.
 */
export interface LogPiece {
  type: 'lines';
  channel: string;
  number: number;
  lines?: LogLine[];
  done?: boolean;
}
/**
 * One line that a worker printed, without its newline, with its escapes.
 *
 * Attributes:
 *     number: position in the job's log over all ranks, from 1. Numbers do not change when old
 *         lines are dropped.
 *     partial: True for a line without its newline yet, such as a progress bar; the next line
 *         of that rank replaces it.
 *     time: Unix seconds at which it arrived.
 */
export interface LogLine {
  text: string;
  rank?: number;
  number?: number;
  time?: number;
  partial?: boolean;
}
/**
 * A message of the page that could not be carried out; the socket stays open.
 */
export interface NotDone {
  type: 'refused';
  problem: Problem;
  channel?: string;
  source?: string;
  id?: string;
}
/**
 * Nothing has changed, and the server is there; every few seconds.
 */
export interface Beat {
  type: 'beat';
  now: number;
}
/**
 * The first message of a page. Where its positions are still known it gets changes only.
 */
export interface Start {
  type: 'start';
  positions?: {
    [k: string]: Position;
  };
}
/**
 * Up to where a page has seen a source's changes.
 */
export interface Position {
  epoch: string;
  seq: number;
}
/**
 * The rows that are on the screen: their verdicts and sparks are wanted.
 */
export interface Look {
  type: 'look';
  source: string;
  /**
   * @maxItems 200
   */
  ids: string[];
}
/**
 * Show all of one job, and its updates from now on.
 */
export interface Open {
  type: 'open';
  source: string;
  id: string;
}
/**
 * Enough of that job.
 */
export interface Close {
  type: 'close';
  source: string;
  id: string;
}
/**
 * Follow a log.
 *
 * Attributes:
 *     channel: the page's name for it; each name once a socket.
 *     rank: only this worker, or None for all.
 *     after: only lines with a greater number.
 *     tail: or only the last so many lines that exist now, and then all.
 */
export interface Follow {
  type: 'follow';
  channel: string;
  source: string;
  id: string;
  rank?: number | null;
  after?: number;
  tail?: number | null;
}
/**
 * The page has dealt with a piece; it may have the next.
 */
export interface Ack {
  type: 'ack';
  channel: string;
  number: number;
}
/**
 * Enough of that log.
 */
export interface Unfollow {
  type: 'unfollow';
  channel: string;
}
/**
 * Do one thing to workloads of a source.
 *
 * Attributes:
 *     do: what.
 *     ids: to which.
 *     changes: for one 'rerun' only: arguments of train() that are different this time.
 */
export interface Act {
  do: 'delete' | 'rerun' | 'resume' | 'stop' | 'suspend';
  /**
   * @maxItems 1000
   */
  ids: string[];
  changes?: {
    [k: string]: unknown;
  };
}
/**
 * What was done. Of a rerun, `made` are the new workloads, in the order of `done`.
 */
export interface Acted {
  done?: string[];
  refused?: Refused[];
  made?: Workload[];
}
/**
 * One workload to which it could not be done.
 */
export interface Refused {
  id: string;
  problem: Problem;
}
/**
 * Write where notebooks that start from now on run into the configuration.
 */
export interface Choose {
  source: string;
}
/**
 * A file or folder that the workers find under a relative path.
 *
 * Attributes:
 *     path: relative, with '/', where the worker finds it.
 *     source: where it is now: an absolute path here, a URI or a claim on a cluster.
 */
export interface DataLink {
  path: string;
  source: string;
}
/**
 * Whether a spec would run.
 *
 * Attributes:
 *     answer: 'now', 'waits' or 'never'.
 *     why: the reason, for a person.
 *     next_step: what to change, when it never fits, or only in part.
 *     position: its place in line, when it waits and that is known.
 *     seconds: after how long it starts at the latest, by the deadlines of what runs before it;
 *         None when that is not known.
 *     count: how many of them were asked about, and `now` how many of those fit now.
 *     unsure: what could not be seen, so that no more than this is known: 'idle' when the nodes
 *         are large enough and who uses them is hidden, 'nodes' when they are hidden too, or what
 *         the queue has.
 *     notices: what else should be known of it, a sentence each: what it may use at the most, and
 *         how that was found.
 */
export interface Fit {
  answer: 'never' | 'now' | 'waits';
  why?: string;
  next_step?: string;
  position?: number | null;
  seconds?: number | null;
  count?: number;
  now?: number;
  unsure?: '' | 'idle' | 'nodes';
  notices?: string[];
}
/**
 * Whether they would, and when.
 */
export interface Fitting {
  fit: Fit;
}
/**
 * All workloads of a source, newest first.
 */
export interface Jobs {
  source: string;
  rows?: Row[];
}
/**
 * A piece of a log.
 *
 * Attributes:
 *     first: True when no older line is kept.
 *     last: True when no newer line was there.
 */
export interface Lines {
  lines?: LogLine[];
  first?: boolean;
  last?: boolean;
}
/**
 * Where a log holds what was searched for.
 *
 * Attributes:
 *     numbers: of lines, oldest first, at most as many as were asked for.
 *     total: how many lines match in what was read.
 *     searched: up to which line; the search goes on from there.
 *     complete: True when the whole log was read.
 */
export interface Matches {
  numbers?: number[];
  total?: number;
  searched?: number;
  complete?: boolean;
}
/**
 * What may be used in one place, and the GPUs on offer.
 */
export interface QuotaAnswer {
  quota: Quota;
  devices?: Device[];
}
/**
 * What runs on every worker, and what came with it.
 *
 * Attributes:
 *     text: the readable script.
 *     entry: the function.
 *     files: names of the other files of the payload.
 *     env, secrets: names of variables; never a value of a secret.
 *     changes: the arguments of train() that `rerun` takes, as they were.
 */
export interface Script {
  text: string;
  entry?: string;
  files?: string[];
  data?: DataLink[];
  packages?: string[];
  env?: {
    [k: string]: string;
  };
  secrets?: string[];
  resources?: Resources;
  workers?: number;
}
/**
 * What the SDK says, in another language.
 *
 * Attributes:
 *     sentences: English to that language, both with fields in braces, such as '{worker}'.
 */
export interface Sentences {
  locale: string;
  sentences?: {
    [k: string]: string;
  };
}
/**
 * All that the server watches.
 */
export interface Sources {
  sources: Source[];
  serving: Serving;
}
/**
 * Of the wheel, and of the messages.
 */
export interface Version {
  version: string;
  protocol: number;
}
/**
 * Whether jobs would start; nothing is made.
 *
 * Attributes:
 *     wishes: arguments of fits(), such as 'workers', 'memory' or 'gpu'.
 *     count: how many such jobs.
 */
export interface Wished {
  wishes?: {
    [k: string]: unknown;
  };
  count?: unknown;
}
