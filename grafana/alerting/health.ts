import { HEALTH, RECONCILIATION, type Measurement, type Severity } from '../../src/usage/catalogue.ts';
import { select } from '../influxql.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { PANELS } from './panels.ts';
import { hours, JOB_TAGS, LATEST, ofJobs, reduce } from './queries.ts';
import { fixed, inMinutes, larger, type PanelReference, type Rule } from './rule.ts';
import { ACCOUNT, board, duration, exact, ifKnown, label, see, withName } from './words.ts';

/** The collector itself: is what it stores complete and current? */

const JOB = text(`Job ${label('job')} (${ACCOUNT})`, `任务 ${label('job')}（${ACCOUNT}）`);
const HEALTH_BOARD = board('health', ['job'], { from: 'now-24h' });
const ON_HEALTH = see('The job on the health dashboard:', '在采集器健康仪表盘查看该任务：', HEALTH_BOARD);
const command = (line: string, en: string, chinese: string): Text =>
  text(`${en} ${line}`, `${chinese}${line}`);

export function health(settings: Settings): readonly Rule[] {
  return [
    stale(settings),
    ofOneField({
      name: 'credentials',
      title: text('Credentials refused', '凭证被拒绝'),
      summary: text('A provider refuses the credentials', '供应商拒绝凭证'),
      severity: 'page',
      panel: PANELS.requests,
      query: ofJobs(HEALTH, 'last("calls_denied")', LATEST),
      fired: text(
        `${JOB.en}: ${exact()} requests of the last poll were refused, because of wrong credentials or a missing permission. Nothing is collected for them.`,
        `${JOB['zh-CN']}：最近一次轮询有 ${exact()} 个请求因凭证错误或缺少权限被拒绝，这部分用量无法采集。`,
      ),
      look: [command('tokentide check', "The provider's message:", '供应商返回的信息：'), ON_HEALTH],
    }),
    ofOneField({
      name: 'gap-open',
      title: text('Gap stays open', '缺口长时间未补齐'),
      summary: text('Windows of usage are missing', '存在未补齐的数据缺口'),
      severity: 'notice',
      panel: PANELS.openGaps,
      query: ofJobs(HEALTH, 'last("gaps_open")', LATEST),
      for: inMinutes(settings['gap.hours'] * 60),
      fired: text(
        `${JOB.en}: windows of usage have been missing for at least ${settings['gap.hours']} hours, now ${exact()} of them. They are retried.`,
        `${JOB['zh-CN']}：至少 ${settings['gap.hours']} 小时一直存在缺口，目前有 ${exact()} 个时间窗口未能读取，仍在重试。`,
      ),
      look: [
        command('tokentide gaps', 'Which partition, and the reason:', '缺口所属分区与原因：'),
        ON_HEALTH,
      ],
    }),
    ofOneField({
      name: 'gap-expired',
      title: text('Usage can no longer be read', '数据缺口已过期'),
      summary: text("Missing usage exceeds the provider's retention", '缺失的用量已超出供应商保留期'),
      severity: 'page',
      panel: PANELS.expiredGaps,
      query: ofJobs(HEALTH, 'last("gaps_expired") - first("gaps_expired")', LATEST),
      fired: text(
        `${JOB.en}: ${exact()} more gaps than a day ago are older than the provider's retention. Their usage cannot be read any more.`,
        `${JOB['zh-CN']}：与一天前相比新增 ${exact()} 个超出供应商保留期的缺口，其用量已无法读取。`,
      ),
      look: [command('tokentide status', 'How many, of which jobs:', '各任务的缺口数量：'), ON_HEALTH],
    }),
    spool(settings),
    ofOneField({
      name: 'rejected',
      title: text('Store rejects points', '存储拒绝写入'),
      summary: text('The store rejects points', '存储拒绝写入数据点'),
      severity: 'page',
      panel: PANELS.rejected,
      query: ofJobs(HEALTH, 'sum("rejected_points")', hours(1)),
      fired: text(
        `${JOB.en}: the store rejected ${exact()} points within an hour. They are in rejected.jsonl, not in the store.`,
        `${JOB['zh-CN']}：一小时内有 ${exact()} 个数据点被存储拒绝，已写入 rejected.jsonl，未入库。`,
      ),
      look: [
        command('rejected.jsonl', "The store's reason, in the data folder:", '在数据目录查看拒绝原因：'),
        ON_HEALTH,
      ],
    }),
    reconciliation(settings),
    lookback(),
  ];
}

const WEEK = hours(7 * 24);

/** A field's number for every job that polled within a week, `otherwise` where it is absent. */
const orElse = (otherwise: number, column: string, range = WEEK): string =>
  reduce(
    'max("x")',
    JOB_TAGS,
    ofJobs(HEALTH, `${otherwise} + 0 * last("polls_ok")`, WEEK),
    ofJobs(HEALTH, column, range),
  );

/** Jobs of days may be a day behind. A job that polls no more writes nothing, so its last points tell. */
function stale(settings: Settings): Rule {
  const { 'stale.hours': ofHours, 'stale.hours_of_days': ofDays } = settings;
  const isDaily = '($BUCKET >= 86400)';
  const isHourly = '($BUCKET < 86400)';
  return {
    name: 'stale',
    title: text('Data is stale', '数据延迟过高'),
    severity: 'page',
    kind: 'collection',
    panel: PANELS.dataAge,
    queries: {
      NOW: orElse(0, 'last("data_age_seconds")'),
      BUCKET: orElse(3600, 'last("bucket_seconds")'),
      HOURLY: orElse(0, 'sum("polls_ok")', hours(whole(ofHours))),
      DAILY: orElse(0, 'sum("polls_ok")', hours(whole(ofDays))),
    },
    math: {
      LIMIT: `${isHourly} * ${ofHours * 3600} + ${isDaily} * ${ofDays * 3600}`,
      POLLS: `${isHourly} * $HOURLY + ${isDaily} * $DAILY`,
    },
    fires: '$NOW > $LIMIT || $POLLS == 0',
    for: '15m',
    noData: 'Alerting',
    summary: withName(text('Usage is not up to date', '用量数据未及时更新'), 'job'),
    fired: text(
      `${JOB.en}: ${ifKnown('NOW', `data was ${duration()} old at the last poll`, 'no bucket has been read yet')}. Limit: ${duration('LIMIT')}. Successful polls within the limit: ${exact('POLLS')}.`,
      `${JOB['zh-CN']}：${ifKnown('NOW', `最近一次轮询时数据延迟 ${duration()}`, '尚未读取任何时间段')}。阈值：${duration('LIMIT')}。该时长内成功轮询次数：${exact('POLLS')}。`,
    ),
    look: [
      command(
        'tokentide status',
        'Does the collector run, and what does the job say?',
        '采集器是否在运行、任务状态如何：',
      ),
      ON_HEALTH,
    ],
  };
}

const whole = (hours: number): number => Math.max(1, Math.ceil(hours));

interface OneField {
  readonly name: string;
  readonly title: Text;
  readonly summary: Text;
  readonly severity: Severity;
  readonly panel: PanelReference;
  readonly query: string;
  readonly fired: Text;
  readonly look: readonly Text[];
  readonly for?: string;
}

/** Any of it is too much. */
function ofOneField({ query, summary, ...rest }: OneField): Rule {
  return {
    ...rest,
    kind: 'collection',
    queries: { NOW: query },
    math: { LIMIT: fixed(0) },
    fires: '$NOW > $LIMIT',
    summary: withName(summary, 'job'),
  };
}

/** The spool belongs to the collector, not to a job: the newest point of any job tells. */
function spool({ 'spool.minutes': minutes }: Settings): Rule {
  return {
    name: 'spool',
    title: text('Points wait for the store', '数据点积压，等待写入'),
    severity: 'page',
    kind: 'collection',
    panel: PANELS.waiting,
    queries: {
      NOW: select({ columns: ['last("spool_points") AS "x"'], from: HEALTH, where: [hours(3)] }),
    },
    math: { LIMIT: fixed(0) },
    fires: '$NOW > $LIMIT',
    for: inMinutes(minutes),
    summary: text('The store does not take all points', '存储未能及时写入全部数据点'),
    fired: text(
      `Points have been waiting for the store for at least ${minutes} minutes, now ${exact()} of them. Dashboards lack them until the store takes them; none is lost.`,
      `数据点积压至少 ${minutes} 分钟，目前有 ${exact()} 个等待写入。写入前仪表盘看不到这部分数据，但不会丢失。`,
    ),
    look: [
      command('tokentide check', 'Does the store accept points?', '存储是否可写：'),
      see('Since when:', '何时开始：', board('health', [], { from: 'now-24h' })),
    ],
  };
}

const RECONCILED = hours(40 * 24);

function reconciliation(settings: Settings): Rule {
  const last = (from: Measurement, field: string): string => ofJobs(from, `last("${field}")`, RECONCILED);
  return {
    name: 'reconciliation',
    title: text('Stored usage differs from the provider', '与供应商对账不一致'),
    severity: 'notice',
    kind: 'collection',
    panel: PANELS.difference,
    queries: {
      DIFFERENCE: last(RECONCILIATION, 'difference'),
      PROVIDER: last(RECONCILIATION, 'provider_tokens'),
    },
    math: {
      NOW: 'abs($DIFFERENCE)',
      LIMIT: larger(
        `$PROVIDER * ${settings['reconciliation.share']}`,
        String(settings['reconciliation.floor_tokens']),
      ),
    },
    fires: '$NOW > $LIMIT',
    summary: withName(
      text("Stored usage differs from the provider's total", '入库用量与供应商总数不一致'),
      'job',
    ),
    fired: text(
      `${JOB.en}: stored - provider = ${exact('DIFFERENCE')} tokens of ${exact('PROVIDER')} at the last reconciliation. Limit: ${exact('LIMIT')}.`,
      `${JOB['zh-CN']}：最近一次对账，入库 − 供应商 = ${exact('DIFFERENCE')} Token，供应商总数 ${exact('PROVIDER')}。阈值：${exact('LIMIT')}。`,
    ),
    look: [command('tokentide reconcile', 'Which days differ:', '哪些日期有差异：'), ON_HEALTH],
  };
}

function lookback(): Rule {
  return {
    name: 'lookback',
    title: text('Lookback is too short', '回看期过短'),
    severity: 'notice',
    kind: 'collection',
    panel: PANELS.lateness,
    queries: {
      NOW: ofJobs(HEALTH, 'last("lookback_advice_seconds")', LATEST),
      LIMIT: ofJobs(HEALTH, 'last("lookback_seconds")', LATEST),
    },
    math: {},
    fires: '$NOW > $LIMIT',
    summary: withName(text('Usage arrives later than it is re-read', '用量到达时间晚于回看期'), 'job'),
    fired: text(
      `${JOB.en}: 99.9 % of the tokens of a bucket had arrived ${duration()} after it closed, but buckets are re-read for ${duration('LIMIT')} only.`,
      `${JOB['zh-CN']}：时间段结束 ${duration()} 后 99.9% 的 Token 才到齐，而回看期只有 ${duration('LIMIT')}。`,
    ),
    look: [
      command('tokentide status', 'Measured lateness and lookback:', '实测到达时间与回看期：'),
      ON_HEALTH,
    ],
  };
}
