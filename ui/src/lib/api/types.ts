/** The API's shapes as the screens read them, until the client is generated from its description. */

export type Role = 'owner' | 'admin' | 'member';
export interface Page<T> { data: T[]; nextCursor: string | null; count?: number }
export interface FieldProblem { field: string; message: string }

export interface Organization { id: string; name: string; slug: string; timezone: string; postalAddress: string | null; state: 'provisioning' | 'active'; version?: number }
export interface Membership { id: string; name: string; role: Role }
export interface Me { user: { id: string; name: string; email: string }; organization: Organization | null; role: Role | null; capabilities: string[]; organizations: Membership[] }
export interface User { id: string; name: string; email: string; role: Role; status: 'active' | 'invited' }
export interface Invitation { id: string; email: string; role: Role; createdAt?: string; expiresAt?: string }
export interface ApiKey { id: string; name: string; prefix?: string; start?: string; createdAt: string; lastUsedAt?: string | null }

export interface ListRef { id: string; name: string }
export interface Customer {
  id: number; email: string; firstName: string | null; lastName: string | null; phone: string | null; city: string | null; country: string | null;
  score: number | null; timezone: string | null; custom: Record<string, unknown>; isUnsubscribed: boolean; isBounced: boolean;
  suppressionStatus: 'active' | 'suppressed'; mailable: boolean; lists?: ListRef[]; createdAt: string; updatedAt: string; version: number;
}
export interface TimelineEvent { at: string; kind: string; title: string; detail: string | null; campaignId?: string | null }
export interface Field { key: string; label: string; type: FieldType; no?: number }
export type FieldType = 'text' | 'number' | 'date' | 'boolean';
export interface CustomerList { id: string; name: string; description: string | null; members: number; createdAt: string; updatedAt: string; version: number }

export type ImportState = 'uploaded' | 'queued' | 'validating' | 'running' | 'completed' | 'failed' | 'cancelled';
export interface Import {
  id: string; fileName: string; fileSize: number; list: ListRef | null; state: ImportState; problem: string | null; bytesDone: number; rowsTotal: number | null; rowsDone: number;
  created: number; updated: number; skipped: number; warnings: number; createdBy: string | null; createdAt: string; startedAt: string | null; endedAt: string | null; temporalUrl: string | null;
}
export interface ImportColumn { header: string; target: string; type: FieldType }
export interface Preview { encoding: string; delimiter: string; header: string[]; columns: ImportColumn[]; rows: string[][]; problems: FieldProblem[] }

export interface Condition { field: string; operator: string; value?: unknown }
export interface ListCondition { list: string; in: boolean }
export interface Rule { op: 'and' | 'or' | 'not'; parts: RuleNode[] }
export type RuleNode = Rule | Condition | ListCondition;
export interface Segment { id: string; name: string; description: string | null; rule: Rule; sentence: string; version: number; createdAt: string; updatedAt: string }
export interface Count { mailable: number; total: number }

export interface Suppression { email: string; reason: string; source: string; note: string | null; createdAt: string }

export type Secure = 'starttls' | 'tls' | 'none';
export interface Connection {
  id: string; name: string; vendor: 'catcher' | 'smtp'; host: string | null; port: number | null; secure: Secure; username: string | null; passwordSet: boolean; fromEmail: string | null; fromName: string | null;
  parallel: number; enabled: boolean; health: string; healthReason: string | null; usedBy: number; version: number; createdAt: string; updatedAt: string;
}
export interface ConnectionTest { ok: boolean; stage: string; message: string; reply: string | null }

export type CampaignState = 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
export interface Target { kind: 'list' | 'segment'; id: string; mode: 'include' | 'exclude' }
export interface Progress {
  recipients: number; pending: number; sent: number; failed: number; skipped: number; inDoubt: number; opened: number; clicked: number; unsubscribed: number; bounced: number;
  ratePerSecond: number; expectedEndAt: string | null; phase: string | null; state: CampaignState;
}
export interface CampaignRow {
  id: string; name: string; subject: string | null; preheader: string | null; fromName: string | null; fromEmail: string | null; replyTo: string | null; targets: Target[]; connectionId: string | null;
  tracking: { opens: boolean; clicks: boolean }; utm: Record<string, string>; state: CampaignState; phase: string | null; reason: string | null; stateDetail: string | null; allowed: string[]; version: number;
  createdBy: string | null; createdAt: string; updatedAt: string; launchedAt: string | null; endedAt: string | null; archivedAt: string | null; temporalUrl: string | null; progress: Progress;
}
export interface Campaign extends CampaignRow { html: string | null; text: string | null }
export interface Checks { errors: FieldProblem[]; warnings: FieldProblem[] }
export interface Estimate { included: number; duplicates: number; excluded: number; suppressed: number; unsubscribed: number; bounced: number; final: number }
export interface Report {
  sent: number; failed: number; skipped: number; inDoubt: number; opened: { unique: number; total: number }; clicked: { unique: number; total: number }; unsubscribed: number; bounced: number;
  openRate: number | null; clickRate: number | null; clickToOpenRate: number | null; bounceRate: number | null;
  timeline: { hour: string; sent: number; opened: number; clicked: number }[]; links: { url: string; clicks: number; uniqueClicks: number }[]; failures: { reason: string; count: number }[];
}
export interface Recipient { customerId: number; email: string; state: string; reason: string | null; reply: string | null; attempt: number; sentAt: string | null; openedAt: string | null; clickedAt: string | null }
export interface Rendered { subject: string; html: string; text: string; problems: (FieldProblem & { line?: number })[]; tags: string[] }
export interface TestResult { email: string; ok: boolean; reply: string | null }

export interface MessageRow { id: number; receivedAt: string; from: string; to: string; subject: string; sizeBytes: number }
export interface Message extends MessageRow { html: string | null; text: string | null; headers: { name: string; value: string }[]; links: { text: string; url: string }[] }

export interface Dashboard {
  mailable: number; customers: number; lists: number; campaigns: number; sent30d: number; opened30d: number; clicked30d: number; running: CampaignRow[];
  checklist: Record<string, boolean | undefined>; daily: { date: string; sent: number; opened: number; clicked: number }[];
}
