import { type Clock, type Milliseconds, systemClock } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { startTimer, type Timer } from "../core/timers.ts";
import type { RedisArgument, RedisReply, ReplyForm, ReplyString } from "./commands.ts";
import { RedisConnector } from "./connector.ts";
import { DeadlineSweep } from "./deadline-sweep.ts";
import type { RedisDriverFactory, TrackingListener } from "./driver.ts";
import { closedError, deadlineError } from "./errors.ts";
import type { RedisLink } from "./link.ts";
import type { RedisNode } from "./node.ts";
import {
  type Dispatcher,
  labelOf,
  OutstandingCommand,
  type Patience,
  Request,
} from "./outstanding-command.ts";
import type { WaitFor } from "./replication.ts";
import type { RedisScript } from "./script.ts";

/** Options of {@link RedisConnection}. */
export interface RedisConnectionOptions {
  /** Name in the settings, for messages. */
  readonly name: string;
  readonly driver: RedisDriverFactory;
  /** Maximum time to open a link, the handshake included. */
  readonly connectTimeout: Milliseconds;
  /** Time without any answer after which a link with missed deadlines is given up. */
  readonly stallTimeout: Milliseconds;
  /** Whether the link leads to a cluster. @defaultValue `false` */
  readonly isCluster?: boolean;
  /** Whether the client belongs to the application. @defaultValue `false` */
  readonly isGiven?: boolean;
  /** Replication that each command waits for. @defaultValue none */
  readonly waitFor?: WaitFor | undefined;
  /** Listener of links that track keys. @defaultValue none */
  readonly listener?: TrackingListener;
  readonly clock?: Clock;
}

/**
 * Minimum age of a link that is given up for leading to the wrong server. The server may keep
 * refusing, and a link for each command would overload it.
 */
const MIN_AGE: Milliseconds = 250;

/**
 * A named connection to a Redis server or cluster, over one link that is opened when a command
 * first needs it.
 *
 * - Every command ends by its deadline, whether it waits for a link, waits to be written or waits
 *   for its answer.
 * - A lost link is not reopened until a command needs one. Commands that need it share one attempt;
 *   when that fails, all of them fail at once with `outcome: "not-sent"`, but those that had joined
 *   it late share one more.
 * - A command is executed at most once. Outstanding commands of a lost link fail with
 *   `outcome: "unknown"`. A command that the server has refused without executing it, since it is
 *   the wrong server or busy with a slot, is sent again within its deadline.
 * - A link to a server that says that it is the wrong one (`READONLY`, `LOADING`, `NOAUTH` and the
 *   like) is given up; on a cluster, that node's connection is, and the slots are read again.
 * - The client library is loaded outside of any deadline: a deadline that began before restarts
 *   then.
 * - Nothing runs while nothing is outstanding. An open link keeps the process alive; {@link close}
 *   ends it.
 */
export class RedisConnection {
  /** Name in the settings. */
  readonly name: string;
  /** Whether the link leads to a cluster, where the keys of one command must lie in one slot. */
  readonly isCluster: boolean;
  /** Whether the client belongs to the application. */
  readonly isGiven: boolean;
  readonly #options: RedisConnectionOptions;
  readonly #stallTimeout: Milliseconds;
  readonly #clock: Clock;
  readonly #connector: RedisConnector;
  readonly #driver: RedisDriverFactory;
  readonly #sweep: DeadlineSweep = new DeadlineSweep(() => this.#watchForStall());
  readonly #dispatcher: Dispatcher;
  #link: RedisLink | undefined;
  /** Links that were given up while their nodes still owed answers. */
  readonly #retired = new Map<RedisLink, Timer>();
  /** Other connections to the same server, which end with this one. */
  readonly #others: RedisConnection[] = [];
  #isClosed = false;
  #isLoaded: boolean;
  #loading: Promise<void> | undefined;
  /** The same promise, if commands wait for it. */
  #awaited: Promise<void> | undefined;

  constructor(options: RedisConnectionOptions) {
    const { name, driver, connectTimeout, stallTimeout, isCluster = false, clock = systemClock } = options;
    this.name = name;
    this.isCluster = isCluster;
    this.isGiven = options.isGiven ?? false;
    this.#options = options;
    this.#stallTimeout = stallTimeout;
    this.#clock = clock;
    this.#driver = driver;
    this.#isLoaded = driver.load === undefined;
    this.#connector = new RedisConnector({ driver, connectTimeout, clock });
    this.#dispatcher = {
      connection: name,
      waitFor: options.waitFor,
      sweep: this.#sweep,
      dispatch: (command) => this.#dispatch(command),
      distrust: (link, node, code) => this.#distrust(link, node, code),
    };
  }

  /** Begins to load the client library. If that fails, the first command reports it. */
  prepare(): void {
    if (!this.#isLoaded) void this.#load();
  }

  /**
   * Makes another connection to the same server, on which each command counts as done when enough
   * replicas have it. A waiting command delays everything sent after it, so reads and other writes
   * do not use this one. It is closed with this connection.
   */
  waitingFor(waitFor: WaitFor): RedisConnection {
    const connection = new RedisConnection({ ...this.#options, waitFor });
    this.#others.push(connection);
    connection.prepare();
    return connection;
  }

  /** Whether {@link tracking} works: not with an application's client that cannot be duplicated. */
  get canTrack(): boolean {
    return this.#driver.tracking !== undefined;
  }

  /**
   * Whether the answer to one read shows that all changes before it have been reported, whatever
   * their keys.
   */
  get hasOneOrder(): boolean {
    return !this.isCluster && !this.#hasReporter;
  }

  /**
   * Makes another connection to the same server, which reports changes of the keys that are read on
   * it. It is closed with this connection. Only where {@link canTrack} says so.
   */
  tracking(listener: TrackingListener): RedisConnection {
    const driver = this.#driver.tracking?.(listener) ?? this.#driver;
    const connection = new RedisConnection({ ...this.#options, driver, listener });
    this.#others.push(connection);
    connection.prepare();
    return connection;
  }

  /**
   * Checks an open link as commands without answers do now and then: whether sentinels name another
   * master. If so, the next command opens another link.
   */
  checkLink(): void {
    this.#link?.severStalled(this.#stallTimeout);
  }

  /**
   * Pings every connection of the link: to the server, or to the masters of a cluster, and to what
   * reports changes. All reports of changes before the call have arrived then.
   */
  async pingAll(deadline: Deadline): Promise<void> {
    let masters: readonly string[] = [];
    const ping = (chooseNode: (link: RedisLink) => RedisNode): Promise<unknown> =>
      this.#issue(new Request(["PING"], deadline, { chooseNode }));
    const pingReporter = async (name: string): Promise<void> => {
      if (this.#hasReporter) await ping((link) => link.reporterOf(name));
    };
    await ping((link) => link.masterNamed((masters = link.masters)[0] ?? ""));
    const [first = "", ...others] = masters;
    const pingBoth = async (name: string): Promise<void> => {
      await ping((link) => link.masterNamed(name));
      await pingReporter(name);
    };
    await Promise.all([pingReporter(first), ...others.map(pingBoth)]);
  }

  /**
   * Sends a command.
   *
   * @param args The command's name and its arguments.
   * @param key The key that decides which node of a cluster is asked.
   * @param form Whether the strings of the reply are read as texts or as bytes.
   * @param patience How long it waits while the slot of its keys is migrated to another node.
   * @throws {RedisConnectionError} No link, a lost link, or no answer before the deadline.
   * @throws {RedisServiceError} Redis answered with an error.
   * @throws {ImproperlyConfigured} The client library is not installed.
   */
  command<Form extends ReplyForm = "text">(
    args: readonly [string, ...RedisArgument[]],
    deadline: Deadline,
    key?: RedisArgument,
    form?: Form,
    patience?: Patience,
  ): Promise<RedisReply<ReplyString<Form>>> {
    return this.#issue(new Request(args, deadline, { key, form, patience }));
  }

  /** Runs a script, as {@link command} sends a command. The first of the keys decides the node. */
  run<Form extends ReplyForm = "text">(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
    deadline: Deadline,
    form?: Form,
    patience?: Patience,
  ): Promise<RedisReply<ReplyString<Form>>> {
    return this.#issue(new Request(args, deadline, { key: keys[0], script, keys, form, patience }));
  }

  /**
   * Walks the keys of all nodes, page by page, with SCAN. A page may be empty, and a key may come
   * twice. On a cluster, the nodes are those known when the walk begins; keys that move meanwhile
   * may be missed. The next page is fetched while the caller works on one.
   *
   * @param pattern As for SCAN … MATCH.
   * @param count Number of keys that a node examines for one page.
   * @param pageDeadline Makes the deadline of each page.
   * @param form Whether the keys are read as texts or as bytes.
   * @param type Type of the keys, as for SCAN … TYPE. @defaultValue any
   * @throws As {@link command} does; also when a node leaves the cluster meanwhile.
   */
  async *scanKeys<Form extends ReplyForm = "text">(
    pattern: string,
    count: number,
    pageDeadline: () => Deadline,
    form?: Form,
    type?: "string",
  ): AsyncGenerator<readonly ScannedKey<Form>[], void, undefined> {
    let masters: readonly string[] | undefined;
    for (let at = 0; masters === undefined || at < masters.length; at++) {
      const chooseNode = (link: RedisLink): RedisNode => {
        masters ??= link.masters;
        return link.masterNamed(masters[at] ?? "");
      };
      const read = async (cursor: string): Promise<Page<Form>> => {
        const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", String(count)] as [string, ...string[]];
        if (type !== undefined) args.push("TYPE", type);
        const pageForm = form ?? ("text" as const);
        const reply = await this.#issue(new Request(args, pageDeadline(), { form: pageForm, chooseNode }));
        const [next, keys] = reply as [RedisArgument, ScannedKey<Form>[]];
        return [String(next), keys];
      };
      let page: Promise<Page<Form>> | undefined = read("0");
      while (page !== undefined) {
        const [cursor, keys]: Page<Form> = await page;
        page = cursor === "0" ? undefined : read(cursor);
        // The caller may stop before it arrives.
        page?.catch(() => {});
        yield keys;
      }
    }
  }

  /** Closes the link once outstanding commands have ended. Later commands are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#awaited;
    await Promise.all([this.#sweep.drained(), ...this.#others.map((each) => each.close())]);
    this.#connector.close();
    this.#link?.destroy();
    this.#link = undefined;
    for (const link of this.#retired.keys()) this.#destroy(link);
  }

  get #hasReporter(): boolean {
    return this.#driver.hasOneOrder === false;
  }

  #issue<Form extends ReplyForm>(request: Request<Form>): Promise<RedisReply<ReplyString<Form>>> {
    if (this.#isClosed) return Promise.reject(closedError(labelOf(request, this.name)));
    return this.#isLoaded ? this.#send(request) : this.#sendOnceLoaded(request);
  }

  async #sendOnceLoaded<Form extends ReplyForm>(
    request: Request<Form>,
  ): Promise<RedisReply<ReplyString<Form>>> {
    this.#awaited = this.#load();
    await this.#awaited;
    request.deadline.restart();
    return this.#send(request);
  }

  /** Never rejects: making a driver fails with the same error. */
  #load(): Promise<void> {
    this.#loading ??= (async () => {
      this.#isLoaded = await succeeds(this.#driver.load?.());
      this.#loading = undefined;
    })();
    return this.#loading;
  }

  #send<Form extends ReplyForm>(request: Request<Form>): Promise<RedisReply<ReplyString<Form>>> {
    const { deadline } = request;
    if (deadline.hasPassed)
      return Promise.reject(deadlineError(labelOf(request, this.name), deadline, "not-sent"));
    return new Promise((resolve, reject) => {
      // The driver answers in the requested form.
      const settle = resolve as (reply: RedisReply<string | Buffer>) => void;
      this.#dispatch(new OutstandingCommand(request, this.#dispatcher, settle, reject));
    });
  }

  #dispatch(command: OutstandingCommand): void {
    const link = this.#link;
    if (link?.isReady === true) return command.sendOn(link);
    this.#link = undefined;
    if (link !== undefined) this.#retire(link);
    void this.#openLinkFor(command);
  }

  async #openLinkFor(command: OutstandingCommand): Promise<void> {
    const issuedAt = this.#clock.monotonic();
    let attempt = await this.#connector.connect();
    // An earlier attempt may have failed with a server that has recovered by now.
    const isStale = attempt.link === undefined && attempt.startedAt < issuedAt;
    if (isStale && !command.isSettled) attempt = await this.#connector.connect();
    if (attempt.link !== undefined) this.#link = attempt.link;
    command.continueAfter(attempt);
  }

  #distrust(link: RedisLink, node: RedisNode, code: string): void {
    if (link !== this.#link || node.distrust(code) || link.age < MIN_AGE) return;
    this.#link = undefined;
    this.#retire(link);
  }

  /** Ends a link once its outstanding commands have been answered, or never will be. */
  #retire(link: RedisLink): void {
    this.#retired.delete(link);
    // Before it is ended: its late answers are not those of the next link.
    this.#options.listener?.onLinkEnd();
    if (!link.owesAnswers || link.isSuspect) return link.destroy();
    this.#retired.set(
      link,
      startTimer(this.#stallTimeout, () => this.#retire(link)),
    );
  }

  #destroy(retired: RedisLink): void {
    this.#retired.get(retired)?.stop();
    this.#retired.delete(retired);
    retired.destroy();
  }

  #watchForStall(): boolean {
    this.#link?.severStalled(this.#stallTimeout);
    return this.#link?.isSuspect ?? false;
  }
}

/** A key in a SCAN reply, in the requested form. */
type ScannedKey<Form extends ReplyForm> = Form extends "bytes" ? Buffer : string;

/** A page of SCAN: the cursor of the next one, "0" after the last, and its keys. */
type Page<Form extends ReplyForm> = readonly [string, readonly ScannedKey<Form>[]];

async function succeeds(task: Promise<void> | undefined): Promise<boolean> {
  return (await Promise.allSettled([task])).every(({ status }) => status === "fulfilled");
}
