-- Events and bodies in conflict that a person has settled. They stay where they are; what is settled is kept here.
create table event_acknowledgements (
    event_id        text collate "C" not null constraint event_acknowledgements_event_id_length check (length(event_id) between 1 and 255),
    source          text collate "C" not null constraint event_acknowledgements_source_length check (length(source) between 1 and 255),
    body_sha256     bytea not null constraint event_acknowledgements_body_sha256_length check (length(body_sha256) = 32),
    outcome         text collate "C" not null constraint event_acknowledgements_outcome_known check (outcome in ('parked', 'dead', 'conflict')),
    note            text constraint event_acknowledgements_note_length check (length(note) <= 4000),
    acknowledged_at timestamptz not null,
    constraint event_acknowledgements_pkey primary key (event_id, source, body_sha256, outcome)
);
comment on table event_acknowledgements is 'Parked and dead events and bodies in conflict that a person has settled: they are not counted any more.';
comment on column event_acknowledgements.event_id is 'The event.';
comment on column event_acknowledgements.source is 'The configured account of the provider.';
comment on column event_acknowledgements.body_sha256 is 'The digest of the body that was settled. If another body comes in conflict, that one counts.';
comment on column event_acknowledgements.outcome is 'What was settled: that it is parked, dead, or in conflict.';
comment on column event_acknowledgements.note is 'How, in the words of who settled it.';
comment on column event_acknowledgements.acknowledged_at is 'When.';

create or replace view v_failures as
with failures as (
    select source, event_id, outcome, reason, type, received_at, body_sha256
      from events
     where outcome in ('parked', 'dead')
    union all
    select source, event_id, 'conflict', 'this id is stored with other facts; the first stands', null, received_at,
           body_sha256
      from conflicts)
select f.source, f.event_id, f.outcome, f.reason, f.type, f.received_at, encode(f.body_sha256, 'hex') as body_sha256,
       a.acknowledged_at, a.note
  from failures f
  left join event_acknowledgements a
    on a.event_id = f.event_id and a.source = f.source and a.body_sha256 = f.body_sha256 and a.outcome = f.outcome;
comment on view v_failures is 'What needs a person, or needed one: events that are parked or dead, and bodies in conflict.';
comment on column v_failures.acknowledged_at is 'When a person settled it; null if nobody has.';
comment on column v_failures.note is 'How, in the words of who settled it.';
