command-start = Empezar
command-help = Qué puedo hacer
command-new = Empezar una conversación nueva
command-stop = Detener la respuesta que se está escribiendo
command-human = Hablar con una persona
command-id = Identificadores para pedir ayuda
command-language = El idioma en que te hablo

group-chat = Esta conversación
group-support = Ayuda de personas
group-settings = Ajustes
argument-code = Un código que te han dado
argument-language = Dos letras, como en o de

fresh = Esta es una conversación nueva: lo dicho antes ya no cuenta. ¿En qué puedo ayudarte?
stopped = Detenido.
nothing-to-stop = Ahora mismo no se está escribiendo ninguna respuesta.
no-person = En este chat no hay ninguna persona que pueda hacerse cargo. Sigo respondiendo lo mejor que puedo.
greeting = ¡Hola! Soy un asistente de IA. Pregúntame lo que quieras; { $help } muestra qué más puedo hacer.
help = Soy un asistente de IA y respondo en este chat. También puedes usar:
help-line = { $command } - { $does }
language-set = Desde ahora respondo a los comandos en español. Pregúntame lo que quieras en cualquier idioma.
language-unknown = Hablo: { $languages }.

role-given = Desde ahora eres { $role } de { $name }.
role-viewer = observador
role-agent = agente
role-supervisor = supervisor
role-admin = administrador
role-owner = propietario

usage = Escríbelo así, por favor: { $usage }
too-long = Es demasiado largo para un comando.
unknown = No existe el comando { $command }. { $help } muestra los que hay.
unknown-near = No existe el comando { $command }. ¿Querías decir { $near }?
slowly = Han sido muchas veces en poco tiempo. Inténtalo de nuevo dentro de { $seconds ->
    [one] un segundo
   *[other] { $seconds } segundos
}.
