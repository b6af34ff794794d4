-- What people did, beside what the provider's events say: each row is written in the transaction of the change that it tells
-- of, and none is changed or removed afterwards.

create table operator_actions ( -- What people changed, each written with the change itself. Rows are only added.
    action_id  integer not null constraint operator_actions_pkey primary key autoincrement, -- Its number; the latest has the highest.
    at         text not null constraint operator_actions_at_length check (length(at) = 27), -- When it was asked for.
    actor      text not null constraint operator_actions_actor_length check (length(actor) between 1 and 255), -- Who did it: a user of the operating system, the name that --by or a proxy gave, or the API for a token that names nobody.
    role       text not null constraint operator_actions_role_known check (role in ('shell', 'operator')), -- shell: by the command line. operator: by the admin listener.
    action     text not null constraint operator_actions_action_length check (length(action) between 1 and 255), -- What was done, in a word of docs/operations.md.
    source     text constraint operator_actions_source_length check (length(source) between 1 and 255), -- The configured account of the provider; null where it is about none.
    target     text not null constraint operator_actions_target_length check (length(target) between 1 and 255), -- The order, payment or event, or what else was changed.
    before     text constraint operator_actions_before_json check (json_valid(before)), -- What it was; null where there was nothing.
    after      text constraint operator_actions_after_json check (json_valid(after)), -- What it is now; null where there is nothing any more.
    note       text constraint operator_actions_note_length check (length(note) between 1 and 4000), -- Why, in the words of who did it.
    request_id text constraint operator_actions_request_id_length check (length(request_id) between 1 and 64) -- The request over the API, as its answer and the log name it.
) strict;

create trigger operator_actions_not_changed before update on operator_actions begin
    select raise(abort, 'rows of operator_actions are only added');
end;
create trigger operator_actions_not_removed before delete on operator_actions begin
    select raise(abort, 'rows of operator_actions are only added');
end;
