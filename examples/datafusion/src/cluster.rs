//! A Ballista cluster of processes on this machine: a scheduler and executors, each this very program once more.
//!
//! A process that was started here ends when its standard input does, which is when the process that started it ends, in
//! whatever way. [`Cluster`] ends them all when it is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::{env, fs, process, thread};

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista::prelude::SessionContextExt;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::{create_grpc_server, default_config_producer, default_session_builder};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

use crate::data::configured;
use crate::{aggregate_functions, scalar_functions};

/// Whoever finds this among its environment's variables is a part of a cluster.
const PART: &str = "KLDIV_CLUSTER_PART";
const SCHEDULER: &str = "scheduler";
const EXECUTOR: &str = "executor";

/// How long a process may take until it says on which port it listens.
const START: Duration = Duration::from_secs(60);
/// An executor that has not been heard of for so long is taken for lost. A busy one asks for work
/// every five seconds.
const LOST_AFTER_SECONDS: u64 = 8;

/// The processes, and a folder for what they pass to one another. All gone once this is dropped.
pub struct Cluster {
    scheduler: Process,
    executors: Vec<Process>,
    folder: PathBuf,
}

/// A process, ended when dropped.
struct Process {
    child: Child,
    port: u16,
}

impl Cluster {
    /// Starts a scheduler and so many executors, of one core each. `limit` is how long they live at most.
    ///
    /// # Errors
    /// A process cannot be started or does not answer.
    pub fn start(executors: usize, limit: Duration) -> Result<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("kldiv-cluster-{}-{number}", process::id()));
        fs::create_dir_all(&folder)?;
        let scheduler = Process::start(SCHEDULER, &[], limit);
        let scheduler = scheduler.inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        // From here on, an early return drops what there is.
        let mut cluster = Cluster { scheduler, executors: Vec::new(), folder };
        for number in 0..executors {
            let work = cluster.work_folder(number);
            fs::create_dir_all(&work)?;
            let arguments = [cluster.scheduler.port.to_string(), work.display().to_string()];
            cluster.executors.push(Process::start(EXECUTOR, &arguments, limit)?);
        }
        Ok(cluster)
    }

    /// The process numbers: the scheduler's, then the executors'.
    pub fn processes(&self) -> Vec<u32> {
        [&self.scheduler].into_iter().chain(&self.executors).map(|part| part.child.id()).collect()
    }

    /// The ports: the scheduler's, then the executors'.
    pub fn ports(&self) -> Vec<u16> {
        [&self.scheduler].into_iter().chain(&self.executors).map(|part| part.port).collect()
    }

    /// A client's context, whose queries the cluster answers.
    ///
    /// # Errors
    /// The scheduler does not answer.
    pub async fn context(&self, partitions: usize) -> Result<SessionContext> {
        let configuration = configured(SessionConfig::new_with_ballista(), partitions);
        let state =
            SessionStateBuilder::new().with_default_features().with_config(configuration).build();
        let url = format!("df://127.0.0.1:{}", self.scheduler.port);
        let context = SessionContext::remote_with_state(&url, state).await?;
        crate::register(&context);
        Ok(context)
    }

    /// Of how many queries an executor has written down results for others.
    pub fn queries_worked_on(&self, executor: usize) -> usize {
        fs::read_dir(self.work_folder(executor)).map_or(0, Iterator::count)
    }

    /// Ends an executor as a power cut would: it gets no word, and what it had written is gone.
    pub fn kill(&mut self, executor: usize) {
        drop(self.executors.remove(executor));
        let _ = fs::remove_dir_all(self.work_folder(executor));
    }

    fn work_folder(&self, executor: usize) -> PathBuf {
        self.folder.join(format!("executor-{executor}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.executors.clear();
        self.scheduler.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Process {
    fn start(part: &str, arguments: &[String], limit: Duration) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .env(PART, format!("{part} {}", limit.as_secs()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        let mut process = Process { child, port: 0 };
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            if let Some(output) = output
                && BufReader::new(output).read_line(&mut line).is_ok()
            {
                let _ = sender.send(line);
            }
        });
        let line = line.recv_timeout(START).unwrap_or_default();
        match line.trim().parse() {
            Ok(port) => process.port = port,
            Err(_) => return failed(format!("the {part} did not say on which port it listens")),
        }
        Ok(process)
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn failed<T>(text: String) -> Result<T> {
    Err(DataFusionError::Execution(text))
}

fn of_ballista(error: BallistaError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// If this process has been started as a part of a cluster, it is that part until it ends. A program that
/// starts clusters calls this before anything else.
pub fn serve_if_part() -> Option<ExitCode> {
    let part = env::var(PART).ok()?;
    let (part, limit) = part.split_once(' ')?;
    end_with_parent(Duration::from_secs(limit.parse().ok()?));
    let arguments: Vec<String> = env::args().skip(1).collect();
    let served = match (part, arguments.as_slice()) {
        (SCHEDULER, []) => serve(scheduler()),
        (EXECUTOR, [port, work]) => serve(executor(port, work)),
        _ => failed(format!("{part} with {arguments:?}")),
    };
    Some(match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{part}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Ends this process once its standard input has ended, and in any case after `limit`.
fn end_with_parent(limit: Duration) {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    thread::spawn(move || {
        thread::sleep(limit);
        process::exit(1);
    });
}

fn serve(part: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(part)
}

/// A socket on a port of the system's choosing, told to whoever reads standard output.
async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn tell(port: u16) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{port}")?;
    Ok(out.flush()?)
}

async fn scheduler() -> Result<()> {
    let (listener, address) = listen().await?;
    let configuration = SchedulerConfig {
        bind_port: address.port(),
        external_host: address.ip().to_string(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: LOST_AFTER_SECONDS,
        no_executors_grace_period_seconds: LOST_AFTER_SECONDS,
        expire_dead_executor_interval_seconds: 1,
        ..SchedulerConfig::default()
    };
    // The scheduler plans a client's query, so it has to know the functions.
    let session_builder = |configuration| {
        let mut state = default_session_builder(configuration)?;
        for function in scalar_functions() {
            state.register_udf(function)?;
        }
        for function in aggregate_functions() {
            state.register_udaf(function)?;
        }
        Ok(state)
    };
    let cluster = BallistaCluster::new_memory(
        configuration.scheduler_endpoint(),
        Arc::new(session_builder),
        Arc::new(default_config_producer),
    );
    let server =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(configuration))
            .await
            .map_err(of_ballista)?;
    tell(address.port())?;
    start_grpc_service_with_listener(listener, server).await.map_err(of_ballista)
}

async fn executor(scheduler_port: &str, work: &str) -> Result<()> {
    let Ok(scheduler_port) = scheduler_port.parse() else {
        return failed(format!("{scheduler_port} is no port"));
    };
    let mut registry = BallistaFunctionRegistry::default();
    for function in scalar_functions() {
        registry.scalar_functions.insert(function.name().to_string(), function);
    }
    for function in aggregate_functions() {
        registry.aggregate_functions.insert(function.name().to_string(), function);
    }
    let (listener, address) = listen().await?;
    let configuration = ExecutorProcessConfig {
        bind_host: address.ip().to_string(),
        external_host: Some(address.ip().to_string()),
        port: address.port(),
        // Used by a scheduler that pushes work; this one is asked for it.
        grpc_port: address.port(),
        scheduler_host: Ipv4Addr::LOCALHOST.to_string(),
        scheduler_port,
        scheduler_connect_timeout_seconds: START.as_secs() as u16,
        vcores: 1,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work.to_string()),
        override_function_registry: Some(Arc::new(registry)),
        override_arrow_flight_service: Some(flight_service(listener)),
        ..ExecutorProcessConfig::default()
    };
    tell(address.port())?;
    start_executor_process(Arc::new(configuration)).await.map_err(of_ballista)
}

/// The executor's own service on a socket that is open already: a port that is looked for first and
/// opened later may be someone else's by then.
fn flight_service(listener: TcpListener) -> Arc<ballista_executor::ArrowFlightServerProvider> {
    let listener = Mutex::new(Some(listener));
    Arc::new(move |work, _, mut shutdown, configuration| {
        let listener = listener.lock().ok().and_then(|mut listener| listener.take());
        tokio::spawn(async move {
            let Some(listener) = listener else {
                return Err(BallistaError::Internal("the socket is taken".to_string()));
            };
            let largest = ExecutorProcessConfig::default().grpc_max_encoding_message_size as usize;
            let service = FlightServiceServer::new(BallistaFlightService::new(work))
                .max_decoding_message_size(largest)
                .max_encoding_message_size(largest);
            create_grpc_server(&configuration)
                .add_service(service)
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown.recv())
                .await
                .map_err(BallistaError::TonicError)
        })
    })
}
