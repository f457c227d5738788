import pytest

from agent.guard import new_facts
from agent.language import LANGUAGES
from principles.medicines import find_medicines, medicine_keys

# "Take one tablet", "once a week", "every eight hours" and the like, in each language of the page.
DOSES = [
    ("en", "Take one tablet with food."),
    ("en", "Use it once a week."),
    ("es", "Tome una pastilla con la comida."),
    ("es", "Tómelo una vez por semana."),
    ("fr", "Prenez un comprimé avec de l'eau."),
    ("fr", "Prenez-le une fois par semaine."),
    ("de", "Nehmen Sie eine Tablette mit Wasser."),
    ("de", "Nehmen Sie es einmal pro Woche."),
    ("pt", "Tome um comprimido com água."),
    ("pt", "Tome uma vez por semana."),
    ("it", "Prenda una compressa con acqua."),
    ("it", "Lo prenda una volta alla settimana."),
    ("nl", "Neem een tablet met water."),
    ("nl", "Neem het één keer per week."),
    ("sv", "Ta en tablett med vatten."),
    ("sv", "Ta det en gång i veckan."),
    ("da", "Tag en tablet med vand."),
    ("da", "Tag det én gang om ugen."),
    ("no", "Ta en tablett med vann."),
    ("no", "Ta det en gang i uken."),
    ("fi", "Ota yksi tabletti veden kanssa."),
    ("fi", "Ota se kerran viikossa."),
    ("pl", "Weź jedną tabletkę z wodą."),
    ("pl", "Bierz to raz w tygodniu."),
    ("cs", "Vezměte si jednu tabletu s vodou."),
    ("cs", "Berte to jednou týdně."),
    ("ro", "Luați un comprimat cu apă."),
    ("ro", "Luați-l o dată pe săptămână."),
    ("hu", "Vegyen be egy tablettát vízzel."),
    ("hu", "Hetente egyszer szedje."),
    ("el", "Πάρτε ένα χάπι με νερό."),
    ("el", "Πάρτε το μία φορά την εβδομάδα."),
    ("bg", "Вземете една таблетка с вода."),
    ("bg", "Вземайте го веднъж седмично."),
    ("ru", "Примите одну таблетку с водой."),
    ("ru", "Принимайте раз в неделю."),
    ("uk", "Прийміть одну таблетку з водою."),
    ("uk", "Приймайте раз на тиждень."),
    ("tr", "Bir tablet alın."),
    ("tr", "Haftada bir alın."),
    ("ar", "تناول حبة واحدة مع الماء."),
    ("ar", "خذه مرة واحدة في الأسبوع."),
    ("fa", "یک قرص با آب بخورید."),
    ("fa", "آن را هفته‌ای یک بار مصرف کنید."),
    ("he", "קח כדור אחד עם מים."),
    ("he", "קח אותו פעם בשבוע."),
    ("hi", "पानी के साथ एक गोली लें।"),
    ("hi", "इसे हफ्ते में एक बार लें।"),
    ("bn", "পানির সাথে একটি ট্যাবলেট খান।"),
    ("bn", "এটি সপ্তাহে একবার খান।"),
    ("ur", "پانی کے ساتھ ایک گولی لیں۔"),
    ("ur", "اسے ہفتے میں ایک بار لیں۔"),
    ("id", "Minum satu tablet dengan air."),
    ("id", "Minum sekali seminggu."),
    ("ms", "Ambil satu tablet dengan air."),
    ("ms", "Ambil sekali seminggu."),
    ("sw", "Meza kidonge kimoja na maji."),
    ("sw", "Tumia mara moja kwa wiki."),
    ("vi", "Uống một viên với nước."),
    ("vi", "Uống một lần mỗi tuần."),
    ("th", "กินยาหนึ่งเม็ดพร้อมน้ำ"),
    ("th", "กินสัปดาห์ละครั้ง"),
    ("zh", "请用水服用一片。"),
    ("zh", "每周一次服用。"),
    ("ja", "水と一緒に一錠飲んでください。"),
    ("ja", "週に一回飲んでください。"),
    ("ko", "물과 함께 한 알을 드세요."),
    ("ko", "일주일에 한 번 드세요."),
    ("de", "Nehmen Sie es alle acht Stunden."),
    ("hu", "Nyolcóránként szedje."),
    ("fi", "Ota kuuden tunnin välein."),
    ("ru", "Принимайте по таблетке утром."),
    ("ar", "خذه كل ساعتين."),
    ("zh", "每天一次。"),
    ("ko", "두 정씩 드세요."),
    ("ja", "八時間ごとに飲んでください。"),
    ("th", "กินครั้งละเม็ด"),
    ("tr", "Sekiz saatte bir alın."),
    ("fa", "نه قرص نخورید."),
    ("vi", "Uống chín viên."),
    ("it", "Lo prenda ogni sei ore."),
]

# Advice without a dose, much of it with words that are numbers or medicines elsewhere: half of the body, Thursday,
# Persian "no" (nine), Turkish "face" (hundred), German "to call" (a brand), Finnish "how" (a brand).
ORDINARY = [
    ("en", "Drink enough water and rest when you feel tired."),
    ("en", "If one side of your face droops or your arm is weak, call for help at once."),
    ("en", "One should not wait when breathing is hard; once you feel better, walk a little."),
    ("en", "Tell the doctor which medicines you take and whether you missed a dose."),
    ("en", "If the child sits upright, breathing is easier."),
    ("es", "Beba agua suficiente y descanse cuando esté cansado."),
    ("es", "Si le cuesta respirar, acuda a urgencias; una persona puede acompañarle."),
    ("es", "Descanse en un cuarto oscuro y cuide el medio ambiente de su casa."),
    ("es", "No reviente una ampolla; lávela con agua y jabón y hable una vez más con su médico sobre su vida diaria."),
    ("es", "Una sobredosis es peligrosa; por medio de su médico sabrá qué hacer."),
    ("es", "Una gota de sangre basta para medir el azúcar."),
    ("es", "Ten cuidado: hay que hervir el agua y curar bien la herida."),
    ("es", "Si no tiene ganas de comer, siga descansando; esto puede servir de ayuda."),
    ("fr", "Buvez assez d'eau et reposez-vous quand vous êtes fatigué."),
    ("fr", "Si un côté du visage tombe, appelez les secours sans attendre."),
    ("fr", "Une bouffée de chaleur n'est pas dangereuse, mais parlez-en une fois de plus à votre médecin."),
    ("fr", "Une ampoule au pied guérit seule ; un tiers peut vous accompagner et aider au quotidien."),
    ("fr", "Demandez conseil à un pharmacien avant de prendre une décision."),
    ("fr", "Cela peut servir : il s'agit d'un problème courant, parlez-en à l'infirmière."),
    ("de", "Trinken Sie genug Wasser und ruhen Sie sich aus, wenn Sie müde sind."),
    ("de", "Wenn ein Mundwinkel hängt, rufen Sie sofort Hilfe; eine Person bleibt bei Ihnen."),
    ("de", "Nehmen Sie sich in Acht und fragen Sie noch einmal Ihren Arzt, ob eine Untersuchung hilft."),
    ("de", "Ein Beutel mit Eis lindert die Schwellung im täglichen Leben."),
    ("de", "Rufen Sie Hilfe und holen Sie den Notarzt; Eisen steckt in Linsen."),
    ("pt", "Beba bastante água e descanse quando estiver cansado."),
    ("pt", "Se um lado do rosto cair, procure ajuda; uma pessoa pode ficar com você."),
    ("pt", "Descanse num quarto escuro e fale por meio do seu médico uma vez mais."),
    ("pt", "Use uma meia de compressão na vida diária e evite ficar no meio da multidão."),
    ("pt", "A dor fica melhor com repouso; siga a dica do seu médico."),
    ("it", "Beva abbastanza acqua e riposi quando è stanco."),
    ("it", "Se sei preoccupato, parla con il tuo medico; una persona può accompagnarti."),
    ("it", "Metta una compressa fredda sulla fronte e riposi ancora una volta."),
    ("it", "Chieda per mezzo del medico se nella vita quotidiana serve altro."),
    ("it", "Se sei incinta, chiedi prima al medico e non guidare in mezzo al traffico."),
    ("it", "Se sei incinta, la ferita si può curare a casa; il calcio è importante."),
    ("nl", "Drink genoeg water en rust uit als u moe bent."),
    ("nl", "Als een kant van het gezicht hangt, bel dan direct om hulp."),
    ("nl", "Neem de volgende regels in acht en vraag nog een keer uw arts om raad."),
    ("nl", "Een zakje ijs kan helpen in het dagelijks leven."),
    ("nl", "Uw ogen moeten ten minste rusten; eisen dat u moet vasten is niet nodig."),
    ("sv", "Drick tillräckligt med vatten och vila när du är trött."),
    ("sv", "Om en sida av ansiktet hänger ska du ringa efter hjälp genast."),
    ("sv", "Smärta vid sex kan ha många orsaker; prata en gång till med din läkare."),
    ("sv", "Det kan ta en stund innan du mår bättre; en person kan stanna hos dig."),
    ("sv", "Säg ditt namn när du ringer; en banan går bra att äta."),
    ("da", "Drik nok vand og hvil dig, når du er træt."),
    ("da", "Hvis en side af ansigtet hænger, skal du ringe efter hjælp med det samme."),
    ("da", "Det kan ske, at du får det dårligt; tal en gang til med din læge."),
    ("da", "En person kan blive hos dig, og et brev fra lægen kan hjælpe."),
    ("no", "Drikk nok vann og hvil når du er sliten."),
    ("no", "Hvis en side av ansiktet henger, må du ringe etter hjelp med en gang."),
    ("no", "Det kan skje at du blir dårlig; snakk en gang til med legen din."),
    ("no", "En person kan bli hos deg, og et råd fra apoteket kan hjelpe."),
    ("fi", "Juo riittävästi vettä ja lepää, kun olet väsynyt."),
    ("fi", "Jos kasvojen toinen puoli roikkuu, soita heti apua."),
    ("fi", "Joskus yksi asia riittää; kysy lääkäriltä vielä kerran."),
    ("fi", "Jos vasen puoli on heikko, älä odota."),
    ("fi", "Miten voit? Lepää jonkin ajan ja kerro haitoista lääkärille mielenkiintoista kyllä."),
    ("pl", "Pij dużo wody i odpoczywaj, gdy jesteś zmęczony."),
    ("pl", "Jeśli jedna strona twarzy opada, od razu wezwij pomoc."),
    ("pl", "Jeszcze raz porozmawiaj z lekarzem; jedna osoba może z tobą zostać."),
    ("pl", "Nie bierz tabletki bez rozmowy z farmaceutą i skontroluj kroplę krwi."),
    ("pl", "Ten lek omówisz z lekarzem, a ten ból może być od serca."),
    ("cs", "Pijte dost vody a odpočívejte, když jste unavení."),
    ("cs", "Pokud jedna strana obličeje poklesne, hned volejte pomoc."),
    ("cs", "Ještě jednou si promluvte s lékařem; jeden člověk může zůstat s vámi."),
    ("cs", "Jednou za čas si odpočiňte a nezůstávejte sami."),
    ("cs", "Ten lék je třeba probrat s lékařem ve čtvrtek."),
    ("ro", "Beți suficientă apă și odihniți-vă când sunteți obosit."),
    ("ro", "Dacă o parte a feței cade, cereți ajutor imediat."),
    ("ro", "O rețetă nouă se discută cu medicul; mie mi se pare important."),
    ("ro", "Puneți o compresă rece și vorbiți încă o dată cu medicul."),
    ("hu", "Igyon elég vizet, és pihenjen, ha fáradt."),
    ("hu", "Ha az arc egyik fele lóg, azonnal hívjon segítséget."),
    ("hu", "Egy hét múlva beszéljen az orvosával, ha fél a vizsgálattól."),
    ("hu", "A stressz hat az alvásra; egyszer érdemes erről az orvossal beszélni."),
    ("hu", "Ha fél, hogy rosszabb lesz, kérjen egy időpontot."),
    ("el", "Πίνετε αρκετό νερό και ξεκουραστείτε όταν είστε κουρασμένοι."),
    ("el", "Αν η μία πλευρά του προσώπου κρεμάει, καλέστε αμέσως βοήθεια."),
    ("el", "Μιλήστε άλλη μια φορά με τον γιατρό σας· ένα άτομο μπορεί να μείνει μαζί σας."),
    ("el", "Μια σταγόνα αίμα αρκεί για τη μέτρηση."),
    ("el", "Καλέστε τον διπλανό σας να βοηθήσει."),
    ("bg", "Пийте достатъчно вода и почивайте, когато сте уморени."),
    ("bg", "Ако едната страна на лицето увисне, веднага повикайте помощ."),
    ("bg", "Говорете още веднъж с лекаря си; един човек може да остане при вас."),
    ("bg", "Една капка кръв е достатъчна за измерването."),
    ("bg", "Обадете се в четвъртък на лекаря."),
    ("ru", "Пейте достаточно воды и отдыхайте, когда устали."),
    ("ru", "Если одна сторона лица опустилась, сразу вызывайте скорую."),
    ("ru", "Ещё раз поговорите с врачом; один человек может остаться с вами."),
    ("ru", "Лягте на пол и не вставайте резко; в другой раз будьте осторожнее."),
    ("ru", "Одна капля крови нужна для измерения сахара."),
    ("uk", "Пийте достатньо води й відпочивайте, коли втомилися."),
    ("uk", "Якщо одна сторона обличчя опустилася, одразу викликайте допомогу."),
    ("uk", "Ще раз поговоріть з лікарем; один із рідних може залишитися з вами."),
    ("uk", "Одна крапля крові потрібна для вимірювання."),
    ("uk", "Ваша сім’я та сім'ї друзів можуть допомогти."),
    ("tr", "Yeterince su için ve yorgun olduğunuzda dinlenin."),
    ("tr", "Yüz felci veya yüz şişmesi varsa hemen yardım çağırın."),
    ("tr", "Çift görme başlarsa bir kez daha doktorunuza danışın."),
    ("tr", "Günlük yaşamda bir kişi size eşlik edebilir; bir hapşırık zararsızdır."),
    ("tr", "Safra kesesi için doktora gidin ve evde kalma."),
    ("ar", "اشرب ما يكفي من الماء واسترح عندما تشعر بالتعب."),
    ("ar", "إذا شعرت بضعف في الذراع أو ضعف في الوجه فاطلب المساعدة فورًا."),
    ("ar", "لست وحدك؛ تحدث مرة أخرى مع طبيبك إذا كانت الست تشعر بالدوار."),
    ("ar", "لا تتناول أي دواء من دون استشارة الصيدلي."),
    ("ar", "تحدث مع الطبيب مرة واحدة على الأقل عن هذا الألم."),
    ("ar", "قد يكون الضعف خطيرًا، فاتصل بالإسعاف."),
    ("fa", "به اندازه کافی آب بنوشید و وقتی خسته هستید استراحت کنید."),
    ("fa", "نه، این طبیعی نیست؛ اگر یک طرف صورت افتاده است فوراً کمک بخواهید."),
    ("fa", "ویتامین سی و سی‌تی اسکن را با پزشک در میان بگذارید."),
    ("fa", "روز پنج‌شنبه یا سه‌شنبه یک بار دیگر با پزشک صحبت کنید؛ شش‌ها مهم هستند."),
    ("he", "שתה מספיק מים ונוח כשאתה עייף."),
    ("he", "אם צד אחד של הפנים צנוח, הזעק עזרה מיד."),
    ("he", "ביום שני דבר עוד פעם אחת עם הרופא, ואל תישאר לבד."),
    ("he", "עזרו אחד לשני ופנו לרוקח לפני שינוי בטיפול."),
    ("he", "כאב שנמשך שנים דורש בדיקה אצל הרופא."),
    ("hi", "पर्याप्त पानी पिएँ और थकने पर आराम करें।"),
    ("hi", "अगर चेहरे का एक हिस्सा लटक जाए तो तुरंत मदद बुलाएँ।"),
    ("hi", "एक बार फिर डॉक्टर से बात करें और अकेले न रहें।"),
    ("hi", "दोपहर में धूप से बचें और दोनों हाथ साफ रखें।"),
    ("hi", "ठंडी दोपहर में आराम करें, बदन दर्द पर डॉक्टर को दिखाएँ।"),
    ("bn", "পর্যাপ্ত পানি পান করুন এবং ক্লান্ত হলে বিশ্রাম নিন।"),
    ("bn", "মুখের এক পাশ ঝুলে গেলে সঙ্গে সঙ্গে সাহায্য ডাকুন।"),
    ("bn", "এটি স্বাভাবিক নয়; বিশেষ করে শ্বাসকষ্ট হলে অপেক্ষা করবেন না।"),
    ("bn", "আর একবার ডাক্তারের সঙ্গে কথা বলুন, একজন পাশে থাকুন।"),
    ("ur", "کافی پانی پئیں اور تھکنے پر آرام کریں۔"),
    ("ur", "اگر چہرے کا ایک حصہ لٹک جائے تو فوراً مدد بلائیں۔"),
    ("ur", "ایک بار پھر ڈاکٹر سے بات کریں اور وقت پر سو جائیں۔"),
    ("ur", "اسی طرح آرام کریں اور اکیلے نہ رہیں۔"),
    ("id", "Minum cukup air dan istirahat saat lelah."),
    ("id", "Jika satu sisi wajah turun, segera cari pertolongan."),
    ("id", "Bicaralah sekali lagi dengan dokter; satu orang dapat menemani Anda."),
    ("id", "Setetes darah cukup untuk pemeriksaan gula."),
    ("id", "Tetap aman dan istirahat; modus ini tidak berbahaya."),
    ("ms", "Minum air yang cukup dan rehat apabila letih."),
    ("ms", "Jika satu bahagian muka jatuh, segera dapatkan bantuan."),
    ("ms", "Bercakap sekali lagi dengan doktor; seseorang boleh menemani anda."),
    ("ms", "Jangan ambil ubat baharu tanpa bertanya ahli farmasi."),
    ("sw", "Kunywa maji ya kutosha na upumzike unapochoka."),
    ("sw", "Upande wa uso ukilegea, omba msaada mara moja."),
    ("sw", "Zungumza tena na daktari wako; mtu mmoja anaweza kukaa nawe."),
    ("sw", "Usitumie dawa mpya bila kumuuliza mfamasia."),
    ("vi", "Uống đủ nước và nghỉ ngơi khi mệt."),
    ("vi", "Nếu yếu nửa người hoặc méo miệng, hãy gọi cấp cứu ngay."),
    ("vi", "Ăn thức ăn nấu chín và nói chuyện một lần nữa với bác sĩ."),
    ("vi", "Thứ hai hãy đi khám; cả hai tay cần sạch và ba mẹ nên ở bên."),
    ("vi", "Tình trạng này không nguy hiểm; mỗi năm nên đi khám."),
    ("vi", "Hãy tham khảo bác sĩ."),
    ("th", "ดื่มน้ำให้เพียงพอและพักผ่อนเมื่อเหนื่อย"),
    ("th", "ถ้าอ่อนแรงครึ่งซีกหรือหน้าเบี้ยว ให้เรียกรถพยาบาลทันที"),
    ("th", "ลองคุยกับแพทย์อีกครั้งหนึ่งและอย่าอยู่คนเดียว"),
    ("th", "อย่ากินยาใหม่โดยไม่ถามเภสัชกร"),
    ("zh", "多喝水，累的时候要休息。"),
    ("zh", "如果一侧脸下垂，请立即求助。"),
    ("zh", "再跟医生谈一次，吃一片面包也可以。"),
    ("zh", "脑子一片空白时，请家人陪着你；一颗牙松动要看牙医。"),
    ("zh", "請多喝水，並再問一次醫生。"),
    ("ja", "水分を十分にとり、疲れたら休んでください。"),
    ("ja", "顔の片側が下がったら、すぐに助けを呼んでください。"),
    ("ja", "もう一度医師に相談し、一人でいないでください。"),
    ("ja", "一回休んで、無理をしないでください。"),
    ("ko", "물을 충분히 마시고 피곤하면 쉬세요."),
    ("ko", "심한 알레르기 반응이 있으면 바로 도움을 부르세요."),
    ("ko", "과도한 알코올은 피하고 의사와 한 번 더 이야기하세요."),
    ("ko", "코 세정이 도움이 될 수 있고, 한정된 시간이라도 쉬세요."),
    ("ko", "열 배출을 돕고 네 배를 따뜻하게 하지 않아도 됩니다."),
]

# As they stand in a sentence, with what languages write onto them.
MEDICINES = [
    ("l'ibuprofène", "ibuprofen"),
    ("d’aspirine", "aspirin"),
    ("dell'ibuprofene", "ibuprofen"),
    ("un'aspirina", "aspirin"),
    ("ibuprofenu", "ibuprofen"),
    ("ibuprofeenia", "ibuprofen"),
    ("paracetamolului", "paracetamol"),
    ("amoksycyliny", "amoxicillin"),
    ("diklofenakem", "diclofenac"),
    ("inzulint", "insulin"),
    ("Parasetamol'ü", "paracetamol"),
    ("İbuprofen", "ibuprofen"),
    ("levotyroxin", "levothyroxine"),
    ("oméprazole", "omeprazole"),
    ("suplementos de hierro", "iron tablets"),
    ("парацетамола", "paracetamol"),
    ("лоразепамом", "lorazepam"),
    ("амоксицилін", "amoxicillin"),
    ("фуроземид", "furosemide"),
    ("παρακεταμόλης", "paracetamol"),
    ("βαρφαρίνη", "warfarin"),
    ("الباراسيتامول", "paracetamol"),
    ("والأسبرين", "aspirin"),
    ("بالإيبوبروفين", "ibuprofen"),
    ("استامینوفن", "paracetamol"),
    ("آموکسی‌سیلین", "amoxicillin"),
    ("پیراسیٹامول", "paracetamol"),
    ("میٹفارمن", "metformin"),
    ("הפרצטמול", "paracetamol"),
    ("ואקמול", "paracetamol"),
    ("וורפרין", "warfarin"),
    ("पैरासिटामोल", "paracetamol"),
    ("आइबुप्रोफ़ेन", "ibuprofen"),
    ("প্যারাসিটামলের", "paracetamol"),
    ("র‍্যামিপ্রিল", "ramipril"),
    ("กินพาราเซตามอลได้", "paracetamol"),
    ("可以吃阿哌沙班吗", "apixaban"),
    ("ロラゼパムを飲む", "lorazepam"),
    ("이부프로펜을", "ibuprofen"),
    ("와파린은", "warfarin"),
]


@pytest.mark.parametrize(
    "text",
    [
        "Take naproxen instead.",
        "Give 500 mg of it.",
        "Take it twice a day.",
        "An antibiotic such as zorbicillin helps.",
        "Wait 1.5 hours.",
    ],
)
def test_new_medicines_doses_and_numbers_are_found(text: str) -> None:
    assert new_facts(text, "My knee hurts after running.")


@pytest.mark.parametrize(
    "text",
    ["Tylenol may help.", "The 38.6 you measured matters.", "Call a doctor today.", "Ten people is too many."],
)
def test_what_was_given_may_be_said_again(text: str) -> None:
    assert not new_facts(text, "Is acetaminophen fine at 38,60 degrees?", "ten minutes")


def test_ten_is_not_one() -> None:
    assert new_facts("Take 10 of them.", "Take 1 of them.")


def test_brand_and_generic_are_one_medicine() -> None:
    assert medicine_keys("Advil") == medicine_keys("ibuprofen")


def test_medicines_are_named_as_the_text_spells_them() -> None:
    assert find_medicines("Can I take Tylenol with Warfarin and water? tylenol?") == ["Tylenol", "Warfarin"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *[("en", "Take Disprin now."), ("en", "Inject adrenaline at once."), ("en", "Take a quarter tablet.")],
        *[("ru", "Примите две таблетки."), ("ru", "Выпейте полтаблетки."), ("es", "Tome dos pastillas.")],
        *[("es", "Tome media pastilla de noche."), ("zh", "请每次吃两片布洛芬。"), ("ja", "半錠を飲んでください。")],
        *[("fr", "Prenez la moitié d'un comprimé."), ("it", "Prenda due compresse."), ("pl", "Weź dwie tabletki.")],
        *[("hi", "दो गोली लें और आराम करें।"), ("ar", "خذ حبتين من الباراسيتامول."), ("id", "Minum dua tablet sekarang.")],
        *[
            ("de", "Nimm zwei Tabletten."),
            ("ru", "Сделайте укол."),
            ("ko", "아스피린을 드세요."),
            ("tr", "Yarım tablet alın."),
        ],
    ],
)
def test_doses_and_medicines_in_the_languages_of_the_page(language: str, text: str) -> None:
    assert new_facts(text, "I feel unwell today.", language=language)
    assert not new_facts(text, text, language=language)


def test_due_is_no_number_in_english() -> None:
    assert not new_facts("This may be due to a cold.", "I feel unwell today.")


def test_an_entry_of_the_dictionary_without_a_name_is_no_medicine() -> None:
    assert find_medicines("Is milk protein bad with ibuprofen?") == ["ibuprofen"]


@pytest.mark.parametrize(("language", "text"), DOSES)
def test_a_single_dose_and_its_frequency_are_found_in_every_language(language: str, text: str) -> None:
    assert new_facts(text, "I feel unwell today.", language=language)
    assert not new_facts(text, text, language=language)


@pytest.mark.parametrize(("language", "text"), ORDINARY)
def test_advice_without_a_dose_has_no_facts_in_any_language(language: str, text: str) -> None:
    assert not new_facts(text, language=language)


def test_every_language_of_the_page_is_tried() -> None:
    assert {language for language, _ in DOSES} == {language for language, _ in ORDINARY} == set(LANGUAGES)


@pytest.mark.parametrize(("said", "english"), MEDICINES)
def test_medicines_are_known_as_languages_write_them(said: str, english: str) -> None:
    assert medicine_keys(said) == medicine_keys(english) != set()


@pytest.mark.parametrize(
    "text", ["Aspiring to rest and morphing pain is no trouble.", "Lentils are rich in iron and zinc."]
)
def test_words_that_look_like_medicines_are_none(text: str) -> None:
    assert not medicine_keys(text)


def test_a_word_of_one_language_is_a_medicine_in_another() -> None:
    assert medicine_keys("Actos") == medicine_keys("pioglitazone")
    assert not medicine_keys("Sus actos importan.", "es")


def test_once_that_is_no_frequency_is_no_fact() -> None:
    assert not new_facts("Call at once, and once you feel better, one of you may drive.", language="en")
    assert new_facts("Take it once per day.", "Call at once.")
