command-start = Anfangen
command-help = Was ich kann
command-new = Ein neues Gespräch beginnen
command-stop = Die Antwort anhalten, die gerade entsteht
command-human = Mit einem Menschen sprechen
command-id = Kennungen, die der Kundendienst braucht
command-language = Die Sprache, in der ich mit dir spreche

group-chat = Dieses Gespräch
group-support = Hilfe von Menschen
group-settings = Einstellungen
argument-code = Ein Code, den du bekommen hast
argument-language = Zwei Buchstaben, etwa en oder de

fresh = Das ist ein neues Gespräch: Was vorher gesagt wurde, zählt nicht mehr. Wie kann ich helfen?
stopped = Angehalten.
nothing-to-stop = Im Moment entsteht keine Antwort.
no-person = In diesem Chat ist kein Mensch, der übernehmen könnte. Ich antworte weiter, so gut ich kann.
greeting = Hallo! Ich bin ein KI-Assistent. Frag mich, was du willst; { $help } zeigt, was ich sonst noch kann.
help = Ich bin ein KI-Assistent und antworte in diesem Chat. Außerdem gibt es:
help-line = { $command } - { $does }
language-set = Befehle beantworte ich ab jetzt auf Deutsch. Fragen kannst du mich in jeder Sprache.
language-unknown = Ich spreche: { $languages }.

role-given = Du bist ab jetzt { $role } von { $name }.
role-viewer = Betrachter
role-agent = Agent
role-supervisor = Supervisor
role-admin = Admin
role-owner = Inhaber

usage = Bitte schreib es so: { $usage }
too-long = Das ist zu lang für einen Befehl.
unknown = Den Befehl { $command } gibt es nicht. { $help } zeigt, was es gibt.
unknown-near = Den Befehl { $command } gibt es nicht. Meintest du { $near }?
slowly = Das war viel in kurzer Zeit. Bitte versuch es in { $seconds ->
    [one] einer Sekunde
   *[other] { $seconds } Sekunden
} noch einmal.
