-- Events and bodies in conflict that a person has settled. They stay where they are; what is settled is kept here.
create table event_acknowledgements ( -- Parked and dead events and bodies in conflict that a person has settled: they are not counted any more.
    event_id        text not null constraint event_acknowledgements_event_id_length check (length(event_id) between 1 and 255), -- The event.
    source          text not null constraint event_acknowledgements_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    body_sha256     blob not null constraint event_acknowledgements_body_sha256_length check (length(body_sha256) = 32), -- The digest of the body that was settled. If another body comes in conflict, that one counts.
    outcome         text not null constraint event_acknowledgements_outcome_known check (outcome in ('parked', 'dead', 'conflict')), -- What was settled: that it is parked, dead, or in conflict.
    note            text constraint event_acknowledgements_note_length check (length(note) <= 4000), -- How, in the words of who settled it.
    acknowledged_at text not null constraint event_acknowledgements_acknowledged_at_length check (length(acknowledged_at) = 27), -- When.
    constraint event_acknowledgements_pkey primary key (event_id, source, body_sha256, outcome)
) strict;

drop view v_failures;
create view v_failures as -- What needs a person, or needed one: events that are parked or dead, and bodies in conflict.
with failures as (
    select source, event_id, outcome, reason, type, received_at, body_sha256
      from events
     where outcome in ('parked', 'dead')
    union all
    select source, event_id, 'conflict', 'this id is stored with other facts; the first stands', null, received_at,
           body_sha256
      from conflicts)
select f.source,      -- The configured account of the provider.
       f.event_id,    -- The provider's id of the event.
       f.outcome,     -- parked, dead or conflict.
       f.reason,      -- Why.
       f.type,        -- The provider's name for what happened, where it could be read.
       f.received_at, -- When it arrived.
       lower(hex(f.body_sha256)) as body_sha256, -- The digest of its bytes, in hex.
       a.acknowledged_at, -- When a person settled it; null if nobody has.
       a.note         -- How, in the words of who settled it.
  from failures f
  left join event_acknowledgements a
    on a.event_id = f.event_id and a.source = f.source and a.body_sha256 = f.body_sha256 and a.outcome = f.outcome;
