# What Frontdesk itself says. `{ $name }` is filled in; see https://projectfluent.org for plurals.

## Commands as menus describe them, at most 100 characters

command-start = Begin
command-help = What I can do
command-new = Begin a fresh conversation
command-stop = Stop the answer that is being written
command-human = Talk to a person
command-id = Ids to name when you ask for support
command-language = The language I speak to you in

## Groups of commands and their arguments

group-chat = This conversation
group-support = Help from people
group-settings = Settings
argument-code = A code that you were given
argument-language = Two letters, such as en or de

## What commands answer

fresh = This is a fresh conversation: what was said before does not count any more. How can I help?
stopped = Stopped.
nothing-to-stop = Nothing is being answered at the moment.
no-person = There is no person in this chat who could take over. I keep answering as well as I can.
greeting = Hello! I am an AI assistant. Ask me anything; { $help } shows what else I can do.
help = I am an AI assistant and answer in this chat. You can also use:
help-line = { $command } - { $does }
language-set = From now on I answer commands in English. Ask me anything in any language you like.
language-unknown = I can speak: { $languages }.

## Roles

role-given = You are { $role } of { $name } from now on.
role-viewer = viewer
role-agent = agent
role-supervisor = supervisor
role-admin = admin
role-owner = owner

## When a command cannot be done

usage = Please write it like this: { $usage }
too-long = That is too long for a command.
unknown = There is no command { $command }. { $help } shows what there is.
unknown-near = There is no command { $command }. Did you mean { $near }?
slowly = That was a lot in a short time. Please try again in { $seconds ->
    [one] a second
   *[other] { $seconds } seconds
}.
