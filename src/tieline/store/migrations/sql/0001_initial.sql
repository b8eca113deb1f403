-- Tieline's tables as they are today. Migrations add up to exactly this (tests/migration proves it).
--
-- The organisation leads every key, so that the data can be partitioned by it later. Values of contact fields are JSON
-- scalars in the canonical form of tieline.domain.values. Times are timestamptz; times on a CRM's own clock are epoch
-- milliseconds (bigint, *_ms), since they are only ever compared with each other.

create table organisation (
    org_id text primary key,
    name text not null,
    created_at timestamptz not null default now()
);

create table api_key (
    org_id text not null references organisation,
    key_id text not null,
    name text not null,
    key_hash bytea not null unique,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (org_id, key_id)
);

create table webhook_secret (
    org_id text not null references organisation,
    secret_id text not null,
    name text not null,
    ciphertext bytea not null,
    created_at timestamptz not null default now(),
    primary key (org_id, secret_id)
);

-- Who may sign in to the dashboard. An address belongs to one member of one organisation.
create table member (
    org_id text not null references organisation,
    member_id text not null,
    email text not null,
    name text not null default '',
    role text not null check (role in ('owner', 'editor', 'viewer')),
    password_hash text not null,
    failed_attempts integer not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, member_id)
);
create unique index member_email on member (lower(email)) where deleted_at is null;

create table web_session (
    org_id text not null,
    session_id text not null,
    member_id text not null,
    token_hash bytea not null unique,
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (org_id, session_id),
    foreign key (org_id, member_id) references member
);

-- Configuration ------------------------------------------------------------------------------------------------------

create table crm_config (
    org_id text primary key references organisation,
    app_id text,
    contact_columns_order jsonb not null default '[]',
    contact_tags jsonb not null default '[]',
    contact_memory_update_prompt text,
    contact_memory_enabled boolean not null default false, -- conversations add to their contact's memory when they end
    last_sync_at timestamptz
);

create table custom_field (
    org_id text not null references organisation,
    field_id text not null,
    name text not null,
    type text not null check (type in ('string', 'number', 'boolean', 'date', 'datetime', 'enum')),
    label text not null default '',
    description text not null default '',
    options jsonb not null default '[]',
    position integer not null default 0,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, field_id)
);
create unique index custom_field_name on custom_field (org_id, name) where deleted_at is null;

create table analysis_mapping (
    org_id text not null references organisation,
    analysis_data_name text not null,
    field_name text not null,
    update_mode text not null check (update_mode in ('overwrite', 'fill_if_empty', 'merge', 'append', 'max', 'min',
        'latest', 'union')),
    options jsonb not null default '{}',       -- what is set beyond Retell's members, see domain.analysis_mapping
    position integer not null default 0,
    primary key (org_id, analysis_data_name, field_name)
);

create table app (
    org_id text not null references organisation,
    app_id text not null,
    type text not null,
    provider text not null,
    name text not null default '',
    tenant_url text,
    tenant_sub_id text,                        -- the API's tenant_id member: a sub-account on a shared host
    auth_type text,
    auth_ciphertext bytea,
    token_ciphertext bytea,
    connection_status text not null default 'not_connected'
        check (connection_status in ('not_connected', 'connected', 'error')),
    status_reason text,
    tenant_id text,                            -- the CRM's own id of the tenant; recorded at the first authentication
    own_user_id text,
    time_zone text,
    crm_config jsonb not null default '{}',    -- the API's crm_config, picklist options settled
    schema jsonb,                              -- the live schema's fields as of schema_at
    schema_at timestamptz,
    mappings_checked boolean not null default false,
    sync_interval_s integer not null default 300,
    next_sync_at timestamptz,
    stopped_reason text,                       -- why no run may start until a person acts (another tenant, ...)
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, app_id)
);
create index app_due on app (next_sync_at) where deleted_at is null;

-- Contacts -----------------------------------------------------------------------------------------------------------

create table contact (
    org_id text not null references organisation,
    contact_id text not null,
    phone_number text not null,
    first_name text,
    last_name text,
    do_not_call boolean,
    custom_fields jsonb not null default '{}', -- only fields that have a value
    sources jsonb not null default '{}',       -- by field: {"k": kind, "at": ms, "ref": text, "from": ms}, of the value that stands
    contact_tag_ids jsonb not null default '[]',
    contact_memory text,
    conversation_count integer not null default 0,
    last_conversation_at timestamptz,
    user_modified_at timestamptz,
    created_at timestamptz not null default now(),
    version bigint not null default 1,         -- raised by every change of a value
    merged_into text,                          -- this id keeps resolving to the survivor
    deleted_at timestamptz,
    primary key (org_id, contact_id)
);
create unique index contact_phone on contact (org_id, phone_number) where merged_into is null and deleted_at is null;
create index contact_created on contact (org_id, created_at, contact_id) where merged_into is null and deleted_at is null;

create table contact_alias (
    org_id text not null,
    phone_number text not null,
    contact_id text not null,
    origin text not null check (origin in ('record', 'former', 'merged')),
    primary key (org_id, phone_number, contact_id)
);
create index contact_alias_contact on contact_alias (org_id, contact_id);

-- What moved when a contact became part of another, so that it can be undone. One row per merge; a merge made anew after
-- an undo is another row.
create table contact_merge (
    org_id text not null references organisation,
    merge_id bigint generated always as identity,
    survivor_id text not null,
    loser_id text not null,
    reason text not null default '',
    filled jsonb not null default '{}',        -- by field that took the loser's value: what the survivor had before
    tags jsonb not null default '[]',          -- ids of tags that only the loser bore
    memory_filled boolean not null default false, -- the survivor had no memory and took the loser's
    survivor_number text,                      -- the survivor's number then
    survivor_last_at timestamptz,              -- the survivor's last_conversation_at then
    conversations jsonb not null default '[]', -- [platform, conversation_id] of each that moved
    own_conversations jsonb not null default '[]', -- of each that the survivor had with a number of the loser's
    links jsonb not null default '[]',         -- [tenant_key, external_id] of each record that was the loser's
    aliases jsonb not null default '[]',       -- numbers that the survivor got
    issues jsonb not null default '[]',        -- ids of the open issues that moved
    merged_at timestamptz not null default now(),
    undone_at timestamptz,
    primary key (org_id, merge_id)
);
create unique index contact_merge_standing on contact_merge (org_id, loser_id) where undone_at is null;
create index contact_merge_survivor on contact_merge (org_id, survivor_id) where undone_at is null;

-- A record of a CRM tenant that was read, and its tie to a contact. The tie is a link when status is 'open'.
create table link (
    org_id text not null references organisation,
    tenant_key text not null,                  -- provider:tenant id
    external_id text not null,
    contact_id text,
    status text not null check (status in
        ('open',       -- the contact's primary record in this tenant
         'shared',     -- shares its number with the primary of contact_id; listed, gives no values
         'skipped',    -- no usable number; raw_phone says what there was
         'closed',     -- disconnected by a person or a switch of tenants
         'deleted', 'merged', 'missing')),
    merged_into text,                          -- the surviving record, when status is 'merged'
    pinned boolean not null default false,     -- a person chose this primary
    phones text[] not null default '{}',       -- every usable number of the record, the mapped one first
    raw_phone text,
    created_ms bigint not null default 0,
    stamp_ms bigint not null default 0,        -- the CRM's stamp of the last state that was confirmed here
    read_ms bigint not null default 0,         -- the CRM's state was as we know it at least until then (our clock, ms)
    confirmed_write_at timestamptz,            -- our clock, when the last write was confirmed
    state jsonb not null default '{}',         -- by pair key: {"l","r","u","f":[{"l","r","at"}],"h"}, see domain.link_state
    needs_read boolean not null default false, -- read it again before believing what we hold
    dirty_at timestamptz,                      -- a local change may have to be pushed
    push_not_before timestamptz,
    push_attempts integer not null default 0,
    push_blocked jsonb not null default '{}',  -- by pair key: {"l": the local value that was refused, "why"}
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    primary key (org_id, tenant_key, external_id)
);
create unique index link_open on link (org_id, tenant_key, contact_id) where status = 'open';
create index link_contact on link (org_id, contact_id);
create index link_phones on link using gin (phones) where status in ('shared', 'skipped');
create index link_dirty on link (org_id, tenant_key, dirty_at) where dirty_at is not null;
create index link_needs_read on link (org_id, tenant_key) where needs_read;

-- Append-only: nothing updates or deletes a row.
create table ledger (
    org_id text not null,
    entry_id bigint generated always as identity,
    contact_id text not null,
    field_name text not null,
    field_id text not null default '',         -- a later field of the same name is another field
    outcome text not null check (outcome in ('set', 'overruled', 'withdrawn')),
    old_value jsonb,
    new_value jsonb,                           -- for 'overruled': the value that did not stand
    source_kind text not null check (source_kind in ('crm', 'conversation', 'person', 'api', 'import', 'rule')),
    source_ref text not null default '',       -- record id, conversation key, key id, ...
    app_id text,
    run_id text,
    effective_ms bigint not null,              -- as of when the value counts
    reason text not null default '',
    evidence jsonb,
    recorded_at timestamptz not null default now(),
    primary key (org_id, entry_id)
);
create index ledger_contact on ledger (org_id, contact_id, field_name, entry_id);
create index ledger_run on ledger (org_id, run_id, contact_id) where run_id is not null;

-- Conversations and activities ---------------------------------------------------------------------------------------

create table conversation (
    org_id text not null references organisation,
    platform text not null,
    conversation_id text not null,
    type text not null check (type in ('call', 'chat')),
    direction text check (direction in ('inbound', 'outbound')),
    has_number boolean not null default true,  -- false for web calls and web chats
    from_number text,
    to_number text,
    contact_id text,
    agent_id text,
    agent_version text,
    status text not null,                      -- registered, ongoing, ended, analyzed, error, not_connected
    started_at timestamptz,
    ended_at timestamptz,
    duration_ms bigint,
    disconnection_reason text,
    sentiment text,
    successful boolean,
    summary text,
    transcript text,
    analysis jsonb,                            -- presets and custom data by name, as received
    analysis_version text,                     -- hash of analysis
    analysis_origin jsonb,                     -- null: the platform's; else of ours: {"engine", "prompt_version", "dropped",
                                               -- "platform_analysis", "platform_version"}, the last two what it replaced
    evidence jsonb,                            -- what our own analysis rests on, by name, see domain.evidence
    metadata jsonb,
    raw jsonb,
    counted boolean not null default false,    -- already in the contact's conversation_count
    due_at timestamptz,                        -- the analysis flow has something to do from then on
    attempts integer not null default 0,
    claim_token text,
    claim_until timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (org_id, platform, conversation_id)
);
create index conversation_due on conversation (due_at) where due_at is not null;
create index conversation_contact on conversation (org_id, contact_id, started_at);

-- What each conversation did to each mapped field, once per version of its analysis.
create table analysis_application (
    org_id text not null,
    platform text not null,
    conversation_id text not null,
    analysis_data_name text not null,
    field_name text not null,
    analysis_version text not null,
    outcome text not null,                     -- set, kept, overruled, skipped, review, accepted, undone
    contribution jsonb,                        -- the value, or what is needed to take it back, see domain.analysed
    applied_at timestamptz not null default now(),
    primary key (org_id, platform, conversation_id, analysis_data_name, field_name)
);

-- What is to be found in conversations of an agent ('': of every agent without one of its own). Null: nothing is said about
-- that type; an empty list: the presets alone.
create table analysis_definition (
    org_id text not null references organisation,
    agent_id text not null,
    call_fields jsonb,
    chat_fields jsonb,
    time_zone text,                            -- in which the people who talk live; null: the linked app's
    default_country text,
    updated_at timestamptz not null default now(),
    primary key (org_id, agent_id)
);

-- Conversations from which a model is to extract an analysis, and how that stands.
create table extraction (
    org_id text not null references organisation,
    platform text not null,
    conversation_id text not null,
    due_at timestamptz,                        -- null: nothing to do
    rerun boolean not null default false,      -- a person asked for it: also an analysis that is there is replaced
    transcript_md5 text,                       -- of the transcript that was to be read last
    revision bigint not null default 1,        -- raised whenever it is wanted anew
    attempts integer not null default 0,
    claim_token text,
    claim_until timestamptz,
    created_at timestamptz not null default now(),
    primary key (org_id, platform, conversation_id)
);
create index extraction_due on extraction (org_id, due_at) where due_at is not null;

-- What each use of a model took. Append-only.
create table llm_usage (
    org_id text not null references organisation,
    usage_id bigint generated always as identity,
    platform text,
    conversation_id text,
    contact_id text,
    use text not null check (use in ('analysis', 'merge', 'memory')),
    engine text not null,
    prompt_version text not null,
    requests integer not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cost_micro_usd bigint not null,            -- by the prices in the settings at that time
    duration_ms bigint not null,
    recorded_at timestamptz not null default now(),
    primary key (org_id, usage_id)
);
create index llm_usage_time on llm_usage (org_id, recorded_at);
create index llm_usage_conversation on llm_usage (org_id, platform, conversation_id) where conversation_id is not null;

-- What models answered, by a hash of use, engine, prompt version and all that was asked. Kept for 30 days.
create table llm_answer (
    org_id text not null references organisation,
    key text not null,
    engine text not null,
    answer jsonb not null,
    created_at timestamptz not null default now(),
    primary key (org_id, key)
);
create index llm_answer_age on llm_answer (org_id, created_at);

create table activity (
    org_id text not null references organisation,
    tenant_key text not null,
    platform text not null,
    conversation_id text not null,
    contact_id text not null,
    external_id text not null,                 -- the record it is logged on
    status text not null check (status in ('due', 'done', 'blocked', 'dropped')),
    activity_id text,                          -- the CRM's id, once known
    wanted_hash text not null default '',      -- of the activity as it should be
    written_hash text not null default '',     -- of the activity as it was last written
    written jsonb,                             -- the vendor's fields as we wrote them
    intent_at timestamptz,                     -- a create was sent then and its answer is not known
    due_at timestamptz,
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    primary key (org_id, tenant_key, platform, conversation_id)
);
create index activity_due on activity (org_id, tenant_key, due_at) where due_at is not null;
create index activity_external on activity (org_id, tenant_key, external_id);
-- Conversations that are logged as soon as their contact has a record.
create index activity_waiting on activity (org_id, tenant_key, contact_id) where status = 'due' and due_at is null;

-- The intent to create a record for a contact that has none in a tenant: one per contact and tenant, committed before
-- the request leaves.
create table record_creation (
    org_id text not null references organisation,
    tenant_key text not null,
    contact_id text not null,
    status text not null check (status in
        ('due',
         'done',       -- the contact has a record, created, found or read by now
         'blocked')),  -- a person must act; an issue says what about
    intent_at timestamptz,                     -- a create was sent then and its answer is not known
    intent jsonb,                              -- what it sent: {"number", "sent": {pair key: [ours, theirs]}}
    due_at timestamptz,
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    primary key (org_id, tenant_key, contact_id)
);
create index record_creation_open on record_creation (org_id, tenant_key, due_at) where status <> 'done';

-- A chat_inbound that was answered and whose chat has not been seen yet: the only place where an SMS chat's number stands.
create table chat_announcement (
    org_id text not null references organisation,
    announcement_id bigint generated always as identity,
    agent_id text not null,
    from_number text not null,
    to_number text not null,
    received_at timestamptz not null default now(),
    consumed_by text,
    primary key (org_id, announcement_id)
);
create index chat_announcement_agent on chat_announcement (org_id, agent_id, received_at) where consumed_by is null;

-- Work ---------------------------------------------------------------------------------------------------------------

create table run (
    org_id text not null references organisation,
    run_id text not null,
    app_id text,
    kind text not null check (kind in ('inbound', 'outbound', 'creating', 'activity', 'analysis', 'removals',
        'audit', 'calculated',                  -- 'calculated': an audit of calculated fields alone
        'backfill', 'undo')),                   -- of the organisation, without an app
    full_read boolean not null default false,
    status text not null check (status in ('queued', 'running', 'succeeded', 'failed', 'braked')),
    triggered_by text not null check (triggered_by in ('manual', 'cron', 'webhook',
        'event')),                              -- 'event': a change of a contact, or a conversation
    counts jsonb not null default '{}',        -- read, created, updated, unchanged, skipped, failed, ...
    errors jsonb not null default '{}',        -- how many of each class, named in words
    engine text,                               -- what merged texts in it
    reason text,                               -- why it ended as it did, or what it waits for
    attempts integer not null default 0,       -- times a worker took it up; raised before the work begins
    requests_sent integer not null default 0,
    effects jsonb not null default '{}',       -- what it has done so far as the brake counts, by flow:kind
    not_before timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    primary key (org_id, run_id)
);
create unique index run_one_inbound on run (org_id, app_id) where kind = 'inbound' and status in ('queued', 'running');
create unique index run_one_audit on run (org_id, app_id)
    where kind in ('audit', 'calculated') and status in ('queued', 'running');
create unique index run_one_backfill on run (org_id) where kind = 'backfill' and status in ('queued', 'running');
create index run_audits on run (org_id, app_id, created_at) where kind in ('audit', 'calculated');
create index run_recent on run (org_id, created_at desc);
create index run_open on run (status, not_before) where status in ('queued', 'running');

-- What a backfill is to do, and where it stands. Saved in the transaction of the contact that it belongs to.
create table backfill (
    org_id text not null references organisation,
    run_id text not null,
    request jsonb not null,                    -- {"fields", "agents", "start"}, see domain.backfill
    last_contact_id text not null default '',  -- all contacts up to this one are done
    extraction_wanted boolean not null default false, -- what has no analysis yet was given to the extraction
    primary key (org_id, run_id)
);

-- What an undo is to take back, and where it stands. Saved in the transaction of the contact that it belongs to.
create table undo (
    org_id text not null references organisation,
    run_id text not null,
    request jsonb not null,                    -- see flows.undoing
    last_contact_id text not null default '',  -- all contacts up to this one are done
    primary key (org_id, run_id)
);

-- What applications of analyses were before an undo, so that it can be undone.
create table undo_application (
    org_id text not null,
    run_id text not null,
    contact_id text not null,
    platform text not null,
    conversation_id text not null,
    analysis_data_name text not null,
    field_name text not null,
    outcome text not null,
    primary key (org_id, run_id, platform, conversation_id, analysis_data_name, field_name)
);

-- What a run would do, tried on copies (store.shadow). The newest are kept, so that a person can page through them.
create table dry_run (
    org_id text not null references organisation,
    dry_run_id text not null,
    app_id text,
    kind text not null check (kind in ('inbound', 'outbound', 'analysis', 'mappings')),
    status text not null check (status in ('running', 'succeeded', 'failed')),
    asked jsonb not null default '{}',         -- what it was started with
    totals jsonb not null default '{}',        -- see domain.dry_run
    forecast jsonb not null default '{}',      -- what the run would take, see domain.forecast
    reason text,                               -- why it failed
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (org_id, dry_run_id)
);
create index dry_run_recent on dry_run (org_id, created_at desc);

create table dry_run_line (
    org_id text not null,
    dry_run_id text not null,
    position bigint not null,
    action text not null,
    side text not null,
    line jsonb not null,                       -- one contact or record, see domain.dry_run
    primary key (org_id, dry_run_id, position)
);

-- Where the brake stopped an app, and what a person said to it. A row that has ended is history.
create table brake (
    org_id text not null references organisation,
    brake_id text not null,
    app_id text not null,
    flow text not null check (flow in
        ('full', 'changes', 'removals', 'audit', 'calculated', 'push', 'creating')),
    status text not null check (status in
        ('stopped',    -- waits for a person; the next run looks again
         'confirmed',  -- may go on as far as was shown, once, until expires_at
         'rejected')), -- waits, and nobody looks before it is confirmed or the limits are changed
    shown jsonb not null,                      -- by kind that passed its limit: [how many, the limit]
    known integer not null,                    -- contacts that were linked
    sample jsonb not null default '[]',        -- the first of them, with values before and after
    settings jsonb,                            -- the app's crm_config.brake at that time
    run_id text not null default '',
    stopped_at timestamptz not null,
    seen_at timestamptz not null,              -- when a run last found it still so
    decided_at timestamptz,
    decided_by text,
    note text,
    expires_at timestamptz,
    ended_at timestamptz,
    ended_because text,
    primary key (org_id, brake_id)
);
create unique index brake_standing on brake (org_id, app_id, flow) where ended_at is null;
create index brake_recent on brake (org_id, stopped_at desc);

-- Where the reads of an app stand. Saved in the transaction of the page that it belongs to.
create table read_state (
    org_id text not null,
    app_id text not null,
    kind text not null check (kind in ('full', 'changes', 'removals', 'audit')),
    cursor jsonb,
    watermark text,
    completed_at timestamptz,                  -- for 'full': when a full read was last complete
    tenant_key text not null default '',
    primary key (org_id, app_id, kind)
);

-- The records that an audit has come across, and what it found about them; gone when the audit has ended. Logged: after a
-- crash an unlogged table is empty, and the audit that resumes would take every record for gone.
create table audit_record (
    org_id text not null,
    run_id text not null,
    external_id text not null,
    finding text check (finding in ('missing_here', 'missing_there', 'differing', 'stuck')),
    why text not null default '',              -- the probable cause, see domain.audit
    settled boolean not null default false,    -- it was read by id and taken through the ordinary plan
    primary key (org_id, run_id, external_id)
);
create index audit_finding on audit_record (org_id, run_id, external_id) where finding is not null;

-- Tenants that were read completely once, through whichever app: from then on no record displaces an incumbent.
create table tenant_read (
    org_id text not null references organisation,
    tenant_key text not null,
    first_read_at timestamptz not null,
    primary key (org_id, tenant_key)
);

create table issue (
    org_id text not null references organisation,
    issue_id text not null,
    cause text not null,                       -- what makes two issues the same one
    kind text not null,
    severity text not null default 'warning' check (severity in ('info', 'warning', 'error')),
    message text not null,
    app_id text,
    external_id text,
    contact_id text,
    field_name text,
    raw jsonb,                                 -- the value as it came, never lost
    run_id text,
    occurrences integer not null default 1,
    opened_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    closed_at timestamptz,
    closed_because text,
    primary key (org_id, issue_id)
);
create unique index issue_cause on issue (org_id, cause) where closed_at is null;
create index issue_open on issue (org_id, opened_at desc) where closed_at is null;
create index issue_record on issue (org_id, app_id, external_id) where closed_at is null;

-- A lane of an app belongs to one worker at a time. `token` only grows; a transaction that names an older one fails.
create table lease (
    org_id text not null,
    app_id text not null,
    lane text not null check (lane in ('live', 'recurring', 'backfill')),
    owner text not null,
    token bigint not null,
    expires_at timestamptz not null,
    primary key (org_id, app_id, lane)
);

-- One generic cell rate per app and bucket, shared by all workers.
create table rate_limit (
    org_id text not null,
    app_id text not null,
    bucket text not null,
    tat timestamptz not null,                  -- theoretical arrival time of the next request
    paused_until timestamptz,
    allowed integer,
    used integer,
    window_s double precision,
    primary key (org_id, app_id, bucket)
);

-- An app's day of requests as its CRM counts it (domain.quota), shared by all workers.
create table quota (
    org_id text not null,
    app_id text not null,
    sent bigint not null default 0,            -- our own requests so far, ever
    allowed integer,                           -- what the CRM told last, all tools together
    used integer,
    told_at timestamptz,
    told_after bigint,                         -- `sent` when the request left whose answer told it
    refused_at timestamptz,                    -- the CRM refused by its daily limit, and has let none through since
    asked_at timestamptz,                      -- when a request was let through only to learn the count
    waiting_lanes text[] not null default '{}',
    waiting_since timestamptz,
    noticed_at timestamptz,                    -- when the issue about it was written last
    primary key (org_id, app_id)
);

-- Our own requests by quarter of an hour, for people to see whose they were; kept for two days.
create table quota_use (
    org_id text not null,
    app_id text not null,
    slot timestamptz not null,
    lane text not null check (lane in ('live', 'recurring', 'backfill')),
    requests integer not null,
    primary key (org_id, app_id, slot, lane)
);
