-- What people did, beside what the provider's events say: each row is written in the transaction of the change that it tells
-- of, and none is changed or removed afterwards.

create table operator_actions (
    action_id  bigint generated always as identity constraint operator_actions_pkey primary key,
    at         timestamptz not null,
    actor      text not null constraint operator_actions_actor_length check (length(actor) between 1 and 255),
    role       text not null constraint operator_actions_role_known check (role in ('shell', 'operator')),
    action     text not null constraint operator_actions_action_length check (length(action) between 1 and 255),
    source     text collate "C" constraint operator_actions_source_length check (length(source) between 1 and 255),
    target     text collate "C" not null constraint operator_actions_target_length check (length(target) between 1 and 255),
    before     jsonb,
    after      jsonb,
    note       text constraint operator_actions_note_length check (length(note) between 1 and 4000),
    request_id text constraint operator_actions_request_id_length check (length(request_id) between 1 and 64)
);
comment on table operator_actions is 'What people changed, each written with the change itself. Rows are only added.';
comment on column operator_actions.action_id is 'Its number; the latest has the highest.';
comment on column operator_actions.at is 'When it was asked for.';
comment on column operator_actions.actor is 'Who did it: a user of the operating system, the name that --by or a proxy gave, or the API for a token that names nobody.';
comment on column operator_actions.role is 'shell: by the command line. operator: by the admin listener.';
comment on column operator_actions.action is 'What was done, in a word of docs/operations.md.';
comment on column operator_actions.source is 'The configured account of the provider; null where it is about none.';
comment on column operator_actions.target is 'The order, payment or event, or what else was changed.';
comment on column operator_actions.before is 'What it was; null where there was nothing.';
comment on column operator_actions.after is 'What it is now; null where there is nothing any more.';
comment on column operator_actions.note is 'Why, in the words of who did it.';
comment on column operator_actions.request_id is 'The request over the API, as its answer and the log name it.';

create function refuse_to_change_history() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are only added', tg_table_name using errcode = '42501';
end $$;
comment on function refuse_to_change_history is 'Keeps what people did as it was written, also from the owner of the table.';
create trigger operator_actions_only_added before update or delete or truncate on operator_actions
    for each statement execute function refuse_to_change_history();
