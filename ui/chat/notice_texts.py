"""The emergency notices, written by hand: (numbers, what is said of an emergency, what is said of what may be one).

`{numbers}` are examples of emergency numbers; where a language is spoken mainly in one country, its own comes first.
"""

_COMMON = "112, 911, 999 …"

TEXTS: dict[str, tuple[str, str, str]] = {
    "en": (
        _COMMON,
        "This may be an emergency. Call your local emergency number ({numbers}) now. "
        "Do not wait for the answer of this page.",
        "In some cases this is an emergency. If symptoms are severe, sudden or getting worse, "
        "call your local emergency number ({numbers}) at once.",
    ),
    "es": (
        _COMMON,
        "Esto puede ser una emergencia. Llame ahora al número de emergencias de su zona ({numbers}). "
        "No espere a la respuesta de esta página.",
        "En algunos casos esto es una emergencia. Si los síntomas son graves, repentinos o empeoran, "
        "llame de inmediato al número de emergencias de su zona ({numbers}).",
    ),
    "fr": (
        "112, 15, 911 …",
        "Il peut s'agir d'une urgence. Appelez maintenant le numéro d'urgence de votre pays ({numbers}). "
        "N'attendez pas la réponse de cette page.",
        "Dans certains cas, c'est une urgence. Si les symptômes sont graves, soudains ou s'aggravent, "
        "appelez immédiatement le numéro d'urgence de votre pays ({numbers}).",
    ),
    "de": (
        "112, 144, 911 …",
        "Das kann ein Notfall sein. Rufen Sie jetzt die örtliche Notrufnummer an ({numbers}). "
        "Warten Sie nicht auf die Antwort dieser Seite.",
        "In manchen Fällen ist das ein Notfall. Sind die Beschwerden stark, plötzlich aufgetreten oder werden sie "
        "schlimmer, rufen Sie sofort die örtliche Notrufnummer an ({numbers}).",
    ),
    "pt": (
        "112, 192, 911 …",
        "Isto pode ser uma emergência. Ligue agora para o número de emergência local ({numbers}). "
        "Não espere pela resposta desta página.",
        "Em alguns casos isto é uma emergência. Se os sintomas forem graves, súbitos ou piorarem, "
        "ligue imediatamente para o número de emergência local ({numbers}).",
    ),
    "it": (
        "112, 118, 911 …",
        "Può trattarsi di un'emergenza. Chiami subito il numero di emergenza locale ({numbers}). "
        "Non aspetti la risposta di questa pagina.",
        "In alcuni casi si tratta di un'emergenza. Se i sintomi sono gravi, improvvisi o peggiorano, "
        "chiami immediatamente il numero di emergenza locale ({numbers}).",
    ),
    "nl": (
        _COMMON,
        "Dit kan een noodgeval zijn. Bel nu het plaatselijke noodnummer ({numbers}). "
        "Wacht niet op het antwoord van deze pagina.",
        "In sommige gevallen is dit een noodgeval. Zijn de klachten ernstig, plotseling begonnen of worden ze erger, "
        "bel dan meteen het plaatselijke noodnummer ({numbers}).",
    ),
    "sv": (
        _COMMON,
        "Det här kan vara ett nödläge. Ring det lokala nödnumret ({numbers}) nu. "
        "Vänta inte på svaret på den här sidan.",
        "I vissa fall är detta ett nödläge. Om besvären är svåra, kom plötsligt eller blir värre, "
        "ring genast det lokala nödnumret ({numbers}).",
    ),
    "da": (
        _COMMON,
        "Dette kan være en nødsituation. Ring nu til det lokale alarmnummer ({numbers}). "
        "Vent ikke på svaret på denne side.",
        "I nogle tilfælde er dette en nødsituation. Hvis symptomerne er alvorlige, pludselige eller bliver værre, "
        "så ring straks til det lokale alarmnummer ({numbers}).",
    ),
    "no": (
        "113, 112, 911 …",
        "Dette kan være en nødsituasjon. Ring det lokale nødnummeret ({numbers}) nå. "
        "Ikke vent på svaret på denne siden.",
        "I noen tilfeller er dette en nødsituasjon. Hvis symptomene er alvorlige, plutselige eller blir verre, "
        "ring straks det lokale nødnummeret ({numbers}).",
    ),
    "fi": (
        _COMMON,
        "Tämä voi olla hätätilanne. Soita heti paikalliseen hätänumeroon ({numbers}). Älä odota tämän sivun vastausta.",
        "Joissakin tapauksissa tämä on hätätilanne. Jos oireet ovat vakavia, alkoivat äkillisesti tai pahenevat, "
        "soita heti paikalliseen hätänumeroon ({numbers}).",
    ),
    "pl": (
        "112, 999, 911 …",
        "To może być stan zagrożenia życia. Zadzwoń teraz pod lokalny numer alarmowy ({numbers}). "
        "Nie czekaj na odpowiedź na tej stronie.",
        "W niektórych przypadkach jest to stan zagrożenia życia. Jeśli objawy są silne, nagłe lub się nasilają, "
        "natychmiast zadzwoń pod lokalny numer alarmowy ({numbers}).",
    ),
    "cs": (
        "112, 155, 911 …",
        "Může jít o naléhavý stav. Zavolejte ihned na místní tísňovou linku ({numbers}). "
        "Nečekejte na odpověď na této stránce.",
        "V některých případech jde o naléhavý stav. Pokud jsou příznaky závažné, náhlé nebo se zhoršují, "
        "ihned zavolejte na místní tísňovou linku ({numbers}).",
    ),
    "ro": (
        _COMMON,
        "Aceasta poate fi o urgență. Sunați acum la numărul local de urgență ({numbers}). "
        "Nu așteptați răspunsul de pe această pagină.",
        "În unele cazuri aceasta este o urgență. Dacă simptomele sunt severe, apar brusc sau se agravează, "
        "sunați imediat la numărul local de urgență ({numbers}).",
    ),
    "hu": (
        _COMMON,
        "Ez vészhelyzet lehet. Hívja most a helyi segélyhívó számot ({numbers}). Ne várjon az oldal válaszára.",
        "Bizonyos esetekben ez vészhelyzet. Ha a tünetek súlyosak, hirtelen jelentkeztek vagy rosszabbodnak, "
        "azonnal hívja a helyi segélyhívó számot ({numbers}).",
    ),
    "el": (
        "112, 166, 911 …",
        "Μπορεί να πρόκειται για επείγον περιστατικό. Καλέστε τώρα τον τοπικό αριθμό έκτακτης ανάγκης ({numbers}). "
        "Μην περιμένετε την απάντηση αυτής της σελίδας.",
        "Σε ορισμένες περιπτώσεις πρόκειται για επείγον περιστατικό. Αν τα συμπτώματα είναι σοβαρά, ξαφνικά ή "
        "επιδεινώνονται, καλέστε αμέσως τον τοπικό αριθμό έκτακτης ανάγκης ({numbers}).",
    ),
    "bg": (
        _COMMON,
        "Това може да е спешно състояние. Обадете се веднага на местния номер за спешна помощ ({numbers}). "
        "Не чакайте отговора на тази страница.",
        "В някои случаи това е спешно състояние. Ако симптомите са тежки, внезапни или се влошават, "
        "незабавно се обадете на местния номер за спешна помощ ({numbers}).",
    ),
    "ru": (
        "112, 103, 911 …",
        "Это может быть неотложная ситуация. Позвоните сейчас по местному номеру экстренной помощи ({numbers}). "
        "Не ждите ответа на этой странице.",
        "В некоторых случаях это неотложная ситуация. Если симптомы сильные, возникли внезапно или усиливаются, "
        "немедленно позвоните по местному номеру экстренной помощи ({numbers}).",
    ),
    "uk": (
        "112, 103, 911 …",
        "Це може бути невідкладний стан. Зателефонуйте зараз за місцевим номером екстреної допомоги ({numbers}). "
        "Не чекайте на відповідь на цій сторінці.",
        "У деяких випадках це невідкладний стан. Якщо симптоми сильні, з'явилися раптово або посилюються, "
        "негайно зателефонуйте за місцевим номером екстреної допомоги ({numbers}).",
    ),
    "tr": (
        _COMMON,
        "Bu acil bir durum olabilir. Hemen yerel acil yardım numarasını arayın ({numbers}). "
        "Bu sayfanın yanıtını beklemeyin.",
        "Bazı durumlarda bu acildir. Belirtiler şiddetliyse, aniden başladıysa veya kötüleşiyorsa "
        "hemen yerel acil yardım numarasını arayın ({numbers}).",
    ),
    "ar": (
        "112، 911، 999 …",
        "قد تكون هذه حالة طارئة. اتصل الآن برقم الطوارئ المحلي ({numbers}). لا تنتظر الإجابة في هذه الصفحة.",
        "في بعض الحالات يكون هذا طارئًا. إذا كانت الأعراض شديدة أو مفاجئة أو تزداد سوءًا، "
        "فاتصل فورًا برقم الطوارئ المحلي ({numbers}).",
    ),
    "fa": (
        "115، 112، 911 …",
        "این ممکن است یک وضعیت اضطراری باشد. همین حالا با شمارهٔ اورژانس محل خود ({numbers}) تماس بگیرید. "
        "منتظر پاسخ این صفحه نمانید.",
        "در برخی موارد این یک وضعیت اضطراری است. اگر علائم شدید یا ناگهانی است یا بدتر می‌شود، "
        "فوراً با شمارهٔ اورژانس محل خود ({numbers}) تماس بگیرید.",
    ),
    "he": (
        "101, 112, 911 …",
        "ייתכן שמדובר במצב חירום. התקשרו עכשיו למספר החירום המקומי ({numbers}). אל תמתינו לתשובה בדף הזה.",
        "במקרים מסוימים זהו מצב חירום. אם התסמינים חמורים, פתאומיים או מחמירים, "
        "התקשרו מיד למספר החירום המקומי ({numbers}).",
    ),
    "hi": (
        _COMMON,
        "यह आपात स्थिति हो सकती है। अभी अपने स्थानीय आपातकालीन नंबर ({numbers}) पर कॉल करें। इस पृष्ठ के उत्तर की प्रतीक्षा न करें।",
        "कुछ मामलों में यह आपात स्थिति होती है। यदि लक्षण गंभीर हों, अचानक शुरू हुए हों या बढ़ रहे हों, "
        "तो तुरंत अपने स्थानीय आपातकालीन नंबर ({numbers}) पर कॉल करें।",
    ),
    "bn": (
        "999, 112, 911 …",
        "এটি একটি জরুরি অবস্থা হতে পারে। এখনই আপনার স্থানীয় জরুরি নম্বরে ({numbers}) ফোন করুন। এই পাতার উত্তরের জন্য অপেক্ষা করবেন না।",
        "কিছু ক্ষেত্রে এটি জরুরি অবস্থা। লক্ষণ তীব্র হলে, হঠাৎ শুরু হলে বা বাড়তে থাকলে "
        "সঙ্গে সঙ্গে আপনার স্থানীয় জরুরি নম্বরে ({numbers}) ফোন করুন।",
    ),
    "ur": (
        "1122، 112، 911 …",
        "یہ ہنگامی صورتِ حال ہو سکتی ہے۔ ابھی اپنے مقامی ہنگامی نمبر ({numbers}) پر کال کریں۔ "
        "اس صفحے کے جواب کا انتظار نہ کریں۔",
        "بعض صورتوں میں یہ ہنگامی حالت ہوتی ہے۔ اگر علامات شدید ہوں، اچانک شروع ہوئی ہوں یا بڑھ رہی ہوں "
        "تو فوراً اپنے مقامی ہنگامی نمبر ({numbers}) پر کال کریں۔",
    ),
    "id": (
        "112, 119, 911 …",
        "Ini mungkin keadaan darurat. Hubungi nomor darurat setempat ({numbers}) sekarang. "
        "Jangan menunggu jawaban di halaman ini.",
        "Dalam beberapa kasus ini adalah keadaan darurat. Jika gejalanya berat, mendadak, atau memburuk, "
        "segera hubungi nomor darurat setempat ({numbers}).",
    ),
    "ms": (
        "999, 112, 911 …",
        "Ini mungkin satu kecemasan. Hubungi nombor kecemasan tempatan ({numbers}) sekarang. "
        "Jangan tunggu jawapan di halaman ini.",
        "Dalam sesetengah kes ini ialah kecemasan. Jika gejala teruk, tiba-tiba atau bertambah buruk, "
        "segera hubungi nombor kecemasan tempatan ({numbers}).",
    ),
    "sw": (
        _COMMON,
        "Hii inaweza kuwa dharura. Piga simu sasa kwa nambari ya dharura ya eneo lako ({numbers}). "
        "Usisubiri jibu la ukurasa huu.",
        "Katika hali nyingine hii ni dharura. Ikiwa dalili ni kali, zimeanza ghafla au zinazidi kuwa mbaya, "
        "piga simu mara moja kwa nambari ya dharura ya eneo lako ({numbers}).",
    ),
    "vi": (
        "115, 112, 911 …",
        "Đây có thể là trường hợp cấp cứu. Hãy gọi ngay số cấp cứu tại nơi bạn ở ({numbers}). "
        "Đừng chờ câu trả lời trên trang này.",
        "Trong một số trường hợp, đây là cấp cứu. Nếu triệu chứng nặng, đột ngột hoặc xấu đi, "
        "hãy gọi ngay số cấp cứu tại nơi bạn ở ({numbers}).",
    ),
    "th": (
        "1669, 112, 911 …",
        "นี่อาจเป็นภาวะฉุกเฉิน โทรหมายเลขฉุกเฉินในพื้นที่ของคุณ ({numbers}) ทันที อย่ารอคำตอบในหน้านี้",
        "ในบางกรณีนี่คือภาวะฉุกเฉิน หากอาการรุนแรง เกิดขึ้นกะทันหัน หรือแย่ลง ให้โทรหมายเลขฉุกเฉินในพื้นที่ของคุณ ({numbers}) ทันที",
    ),
    "zh": (
        "120、112、911、999 等",
        "这可能是紧急情况。请立即拨打当地急救电话（{numbers}）。不要等待本页的回答。",
        "在某些情况下，这属于急症。如果症状严重、突然出现或正在加重，请立即拨打当地急救电话（{numbers}）。",
    ),
    "ja": (
        "119、112、911 など",
        "緊急事態の可能性があります。今すぐお住まいの地域の緊急通報番号（{numbers}）に電話してください。"
        "このページの回答を待たないでください。",
        "場合によっては緊急事態です。症状が重い、突然始まった、または悪化しているときは、"
        "すぐにお住まいの地域の緊急通報番号（{numbers}）に電話してください。",
    ),
    "ko": (
        "119, 112, 911 등",
        "응급 상황일 수 있습니다. 지금 바로 현지 응급 번호({numbers})로 전화하세요. "
        "이 페이지의 답변을 기다리지 마세요.",
        "경우에 따라 응급 상황입니다. 증상이 심하거나 갑자기 나타났거나 악화되고 있다면 "
        "즉시 현지 응급 번호({numbers})로 전화하세요.",
    ),
}
